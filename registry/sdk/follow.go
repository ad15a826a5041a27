package sdk

import (
	"context"
	"errors"
	"fmt"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// follower keeps one kind of the offer as the adopted server has it. Guarded by Adopted.mu.
type follower interface {
	// follow offers and removes what differs; the error joins what cannot be offered.
	follow() error
	// clear removes all of it.
	clear()
}

// following is the follower of one kind of definition, each of which is handled by handle. All but has is set once.
type following[D, H any] struct {
	to     Set[D, H]
	handle H
	page   func(cursor string) (some []*D, next string, err error) // of the server's list
	name   func(*D) string
	has    map[string]*D // what was adopted
}

func (f *following[D, H]) follow() error {
	all, err := f.list()
	if err != nil {
		return err
	}
	now := make(map[string]*D, len(all))
	var errs []error
	for _, d := range all {
		name := f.name(d)
		if f.has[name] != d { // the same object is unchanged, and its handler is found by its name
			if err := f.to.Add(d, f.handle); err != nil {
				errs = append(errs, fmt.Errorf("%q: %w", name, err))
				continue
			}
		}
		now[name] = d
	}
	for name := range f.has {
		if now[name] == nil {
			f.to.Remove(name)
		}
	}
	f.has = now
	return errors.Join(errs...)
}

// list reads the server's list to its end, or to more than may be registered, of which the rest is refused.
func (f *following[D, H]) list() (all []*D, err error) {
	for cursor := ""; len(all) <= f.to.Most; {
		some, next, err := f.page(cursor)
		if err != nil {
			return nil, err
		}
		if all = append(all, some...); next == "" || len(some) == 0 {
			break
		}
		cursor = next
	}
	return all, nil
}

func (f *following[D, H]) clear() {
	for name := range f.has {
		f.to.Remove(name)
	}
	f.has = nil
}

// makeFollowers says where each kind comes from and where it goes.
func (a *Adopted) makeFollowers() {
	a.tools = &following[mcp.Tool, mcp.ToolHandler]{to: a.to.Tools, handle: a.callTool,
		name: func(t *mcp.Tool) string { return t.Name },
		page: func(cursor string) ([]*mcp.Tool, string, error) {
			req := &mcp.ListToolsRequest{Session: a.lists, Params: &mcp.ListToolsParams{Cursor: cursor}}
			l, err := forward[*mcp.ListToolsResult](context.Background(), a, "tools/list", req)
			if err != nil {
				return nil, "", err
			}
			return l.Tools, l.NextCursor, nil
		}}
	a.prompts = &following[mcp.Prompt, mcp.PromptHandler]{to: a.to.Prompts, handle: a.getPrompt,
		name: func(p *mcp.Prompt) string { return p.Name },
		page: func(cursor string) ([]*mcp.Prompt, string, error) {
			req := &mcp.ListPromptsRequest{Session: a.lists, Params: &mcp.ListPromptsParams{Cursor: cursor}}
			l, err := forward[*mcp.ListPromptsResult](context.Background(), a, "prompts/list", req)
			if err != nil {
				return nil, "", err
			}
			return l.Prompts, l.NextCursor, nil
		}}
	a.resources = &following[mcp.Resource, mcp.ResourceHandler]{to: a.to.Resources, handle: a.readResource,
		name: func(s *mcp.Resource) string { return s.URI },
		page: func(cursor string) ([]*mcp.Resource, string, error) {
			req := &mcp.ListResourcesRequest{Session: a.lists, Params: &mcp.ListResourcesParams{Cursor: cursor}}
			l, err := forward[*mcp.ListResourcesResult](context.Background(), a, "resources/list", req)
			if err != nil {
				return nil, "", err
			}
			return l.Resources, l.NextCursor, nil
		}}
	a.templates = &following[mcp.ResourceTemplate, mcp.ResourceHandler]{to: a.to.Templates, handle: a.readResource,
		name: func(t *mcp.ResourceTemplate) string { return t.URITemplate },
		page: func(cursor string) ([]*mcp.ResourceTemplate, string, error) {
			params := &mcp.ListResourceTemplatesParams{Cursor: cursor}
			l, err := forward[*mcp.ListResourceTemplatesResult](context.Background(), a, "resources/templates/list",
				&mcp.ListResourceTemplatesRequest{Session: a.lists, Params: params})
			if err != nil {
				return nil, "", err
			}
			return l.ResourceTemplates, l.NextCursor, nil
		}}
}
