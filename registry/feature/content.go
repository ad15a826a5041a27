package feature

import (
	"errors"
	"fmt"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry/protocol"
)

//lint:file-ignore SA1019 what belongs to sampling is deprecated, and kept out of results here

// What a revision does not know of a content does not leave to its clients, some of which validate: a member is left
// out, and a content of a type that it has not becomes a text that says what was left out, so that the model knows that
// there was something, and where a link leads.

// Visible is the part of c that the revision knows: c itself where that is all of it. c is not written to. The error
// says what no client would take.
func Visible(rev *protocol.Revision, c mcp.Content) (mcp.Content, error) {
	switch c := c.(type) {
	case *mcp.TextContent:
		if c == nil {
			break
		}
		if trims(rev, c.Meta, c.Annotations) {
			return &mcp.TextContent{Text: c.Text, Annotations: annotations(rev, c.Annotations)}, checkAnnotations(c.Annotations)
		}
		return c, checkAnnotations(c.Annotations)
	case *mcp.ImageContent:
		if c == nil {
			break
		}
		if trims(rev, c.Meta, c.Annotations) {
			return &mcp.ImageContent{Data: c.Data, MIMEType: c.MIMEType, Annotations: annotations(rev, c.Annotations)},
				checkAnnotations(c.Annotations)
		}
		return c, checkAnnotations(c.Annotations)
	case *mcp.AudioContent:
		switch {
		case c == nil:
		case !rev.Audio:
			return instead(rev, "audio", fmt.Sprintf("%s, %d bytes", c.MIMEType, len(c.Data))), nil
		case trims(rev, c.Meta, c.Annotations):
			return &mcp.AudioContent{Data: c.Data, MIMEType: c.MIMEType, Annotations: annotations(rev, c.Annotations)},
				checkAnnotations(c.Annotations)
		default:
			return c, checkAnnotations(c.Annotations)
		}
	case *mcp.ResourceLink:
		if c != nil {
			return visibleLink(rev, c)
		}
	case *mcp.EmbeddedResource:
		if c != nil {
			return visibleEmbedded(rev, c)
		}
	case *mcp.ToolUseContent:
		if c != nil {
			return instead(rev, "tool_use", c.Name), nil
		}
	case *mcp.ToolResultContent:
		if c != nil {
			return instead(rev, "tool_result", c.ToolUseID), nil
		}
	}
	return nil, errNoContent
}

// What content has wrong.
var (
	errNoContent    = errors.New("the content is nil")
	errNoLink       = errors.New("a resource_link needs a uri and a name")
	errNoEmbedded   = errors.New("an embedded resource needs a resource with a uri")
	errNoAnnotation = errors.New("annotations.priority must be from 0 to 1")
	errRole         = errors.New("the role must be user or assistant")
)

// CheckRole refuses roles that MCP does not have.
func CheckRole(role mcp.Role) error {
	if role != "user" && role != "assistant" {
		return errRole
	}
	return nil
}

// checkAnnotations refuses what the schema of MCP does not allow: clients that check refuse the whole list or result.
func checkAnnotations(a *mcp.Annotations) error {
	if a == nil {
		return nil
	}
	if !(a.Priority >= 0 && a.Priority <= 1) { // also what is no number
		return errNoAnnotation
	}
	for _, role := range a.Audience {
		if err := CheckRole(role); err != nil {
			return fmt.Errorf("annotations.audience: %w", err)
		}
	}
	return nil
}

func visibleLink(rev *protocol.Revision, c *mcp.ResourceLink) (mcp.Content, error) {
	if c.URI == "" || c.Name == "" {
		return nil, errNoLink
	}
	if err := errors.Join(checkAnnotations(c.Annotations), checkIcons(c.Icons)); err != nil {
		return nil, err
	}
	switch {
	case !rev.Links:
		what := c.URI
		for _, more := range []string{c.Name, c.MIMEType, c.Description} {
			if more != "" {
				what += ", " + more
			}
		}
		return instead(rev, "resource_link", what), nil
	case c.Icons == nil || rev.Icons:
		return c, nil
	}
	v := *c
	v.Icons = nil
	return &v, nil
}

func visibleEmbedded(rev *protocol.Revision, c *mcp.EmbeddedResource) (mcp.Content, error) {
	if c.Resource == nil || c.Resource.URI == "" {
		return nil, errNoEmbedded
	}
	if err := checkAnnotations(c.Annotations); err != nil {
		return nil, err
	}
	if trims(rev, c.Meta, c.Annotations) || c.Resource.Meta != nil && !rev.Titles {
		inner := *c.Resource
		inner.Meta = nil
		return &mcp.EmbeddedResource{Resource: &inner, Annotations: annotations(rev, c.Annotations)}, nil
	}
	return c, nil
}

// trims says whether a content has members that the revision does not know: _meta, and since when its annotations hold.
func trims(rev *protocol.Revision, meta mcp.Meta, a *mcp.Annotations) bool {
	return !rev.Titles && (meta != nil || a != nil && a.LastModified != "")
}

// instead is what a client gets of a content that its revision has no type for.
func instead(rev *protocol.Revision, kind, what string) mcp.Content {
	return &mcp.TextContent{
		Text: "[" + kind + " left out, which MCP " + rev.Version + " does not have here: " + what + "]",
	}
}

// VisibleContents is Visible for all contents of a result. contents is not written to.
func VisibleContents(rev *protocol.Revision, contents []mcp.Content) ([]mcp.Content, error) {
	shown := contents
	for i, c := range contents {
		v, err := Visible(rev, c)
		if err != nil {
			return nil, fmt.Errorf("content[%d]: %w", i, err)
		}
		if v == c {
			continue
		}
		if &shown[0] == &contents[0] {
			shown = append([]mcp.Content(nil), contents...)
		}
		shown[i] = v
	}
	return shown, nil
}
