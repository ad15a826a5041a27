package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// follower keeps a list of the registry as an adopted server has it. Guarded by Adopted.mu.
type follower interface {
	// follow offers and removes what differs; the error joins what cannot be offered.
	follow() error
	// clear removes all of it.
	clear()
}

// following is the follower of one kind of definition. Its functions are set once.
type following[D any] struct {
	most   int                                                     // the registry's own bound
	page   func(cursor string) (some []*D, next string, err error) // of the server's list
	name   func(*D) string
	add    func(*D) error
	remove func(names ...string) int
	has    map[string]*D // what was adopted
}

func (f *following[D]) follow() error {
	all, err := f.list()
	if err != nil {
		return err
	}
	now := make(map[string]*D, len(all))
	var errs []error
	for _, d := range all {
		name := f.name(d)
		if f.has[name] != d { // the same object is unchanged, and its handler is found by its name
			if err := f.add(d); err != nil {
				errs = append(errs, fmt.Errorf("%q: %w", name, err))
				continue
			}
		}
		now[name] = d
	}
	for name := range f.has {
		if now[name] == nil {
			f.remove(name)
		}
	}
	f.has = now
	return errors.Join(errs...)
}

// list reads the server's list to its end, or to more than may be registered, of which the rest is refused.
func (f *following[D]) list() (all []*D, err error) {
	for cursor := ""; len(all) <= f.most; {
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

func (f *following[D]) clear() {
	for name := range f.has {
		f.remove(name)
	}
	f.has = nil
}

// makeFollowers says where each kind comes from and where it goes.
func (a *Adopted) makeFollowers() {
	ctx, r, o := context.Background(), a.r, &a.r.opt
	a.tools = &following[mcp.Tool]{most: o.MaxTools, remove: r.RemoveTool,
		name: func(t *mcp.Tool) string { return t.Name },
		add: func(t *mcp.Tool) error {
			return r.addTool(t, &tool{invoke: rawInvoke(a.callTool)}, a.options(t.Name))
		},
		page: func(cursor string) ([]*mcp.Tool, string, error) {
			l, err := forward[*mcp.ListToolsResult](ctx, a, "tools/list",
				&mcp.ListToolsRequest{Session: a.calls, Params: &mcp.ListToolsParams{Cursor: cursor}})
			if err != nil {
				return nil, "", err
			}
			return l.Tools, l.NextCursor, nil
		}}
	a.prompts = &following[mcp.Prompt]{most: o.MaxPrompts, remove: r.RemovePrompt,
		name: func(p *mcp.Prompt) string { return p.Name },
		add:  func(p *mcp.Prompt) error { return r.addPrompt(p, a.getPrompt, a.options(p.Name)) },
		page: func(cursor string) ([]*mcp.Prompt, string, error) {
			l, err := forward[*mcp.ListPromptsResult](ctx, a, "prompts/list",
				&mcp.ListPromptsRequest{Session: a.calls, Params: &mcp.ListPromptsParams{Cursor: cursor}})
			if err != nil {
				return nil, "", err
			}
			return l.Prompts, l.NextCursor, nil
		}}
	a.resources = &following[mcp.Resource]{most: o.MaxResources, remove: r.RemoveResource,
		name: func(s *mcp.Resource) string { return s.URI },
		add:  func(s *mcp.Resource) error { return r.addResource(s, a.readResource, a.options(s.URI)) },
		page: func(cursor string) ([]*mcp.Resource, string, error) {
			l, err := forward[*mcp.ListResourcesResult](ctx, a, "resources/list",
				&mcp.ListResourcesRequest{Session: a.calls, Params: &mcp.ListResourcesParams{Cursor: cursor}})
			if err != nil {
				return nil, "", err
			}
			return l.Resources, l.NextCursor, nil
		}}
	a.templates = &following[mcp.ResourceTemplate]{most: o.MaxResourceTemplates, remove: r.RemoveResourceTemplate,
		name: func(t *mcp.ResourceTemplate) string { return t.URITemplate },
		add: func(t *mcp.ResourceTemplate) error {
			return r.addResourceTemplate(t, a.readResource, a.options(t.URITemplate))
		},
		page: func(cursor string) ([]*mcp.ResourceTemplate, string, error) {
			l, err := forward[*mcp.ListResourceTemplatesResult](ctx, a, "resources/templates/list",
				&mcp.ListResourceTemplatesRequest{Session: a.calls, Params: &mcp.ListResourceTemplatesParams{Cursor: cursor}})
			if err != nil {
				return nil, "", err
			}
			return l.ResourceTemplates, l.NextCursor, nil
		}}
}

func (a *Adopted) options(name string) []HandlerOption {
	if a.how.Handling == nil {
		return nil
	}
	return a.how.Handling(name)
}
