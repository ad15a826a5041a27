package feature

import (
	"fmt"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry/protocol"
)

//lint:file-ignore SA1019 what belongs to sampling is deprecated, and kept out of results here

// What a revision does not know of a content does not leave to its clients, some of which validate: a member is left
// out, and a content of a type that it has not becomes a text that says what was left out, so that the model knows that
// there was something, and where a link leads.

// Visible is the part of c that the revision knows: c itself where that is all of it. c is not written to. nil: there
// is nothing in c.
func Visible(rev *protocol.Revision, c mcp.Content) mcp.Content {
	switch c := c.(type) {
	case *mcp.TextContent:
		if c != nil && trims(rev, c.Meta, c.Annotations) {
			return &mcp.TextContent{Text: c.Text, Annotations: annotations(rev, c.Annotations)}
		} else if c != nil {
			return c
		}
	case *mcp.ImageContent:
		if c != nil && trims(rev, c.Meta, c.Annotations) {
			return &mcp.ImageContent{Data: c.Data, MIMEType: c.MIMEType, Annotations: annotations(rev, c.Annotations)}
		} else if c != nil {
			return c
		}
	case *mcp.AudioContent:
		switch {
		case c == nil:
		case !rev.Audio:
			return instead(rev, "audio", fmt.Sprintf("%s, %d bytes", c.MIMEType, len(c.Data)))
		case trims(rev, c.Meta, c.Annotations):
			return &mcp.AudioContent{Data: c.Data, MIMEType: c.MIMEType, Annotations: annotations(rev, c.Annotations)}
		default:
			return c
		}
	case *mcp.ResourceLink:
		return visibleLink(rev, c)
	case *mcp.EmbeddedResource:
		return visibleEmbedded(rev, c)
	case *mcp.ToolUseContent:
		if c != nil {
			return instead(rev, "tool_use", c.Name)
		}
	case *mcp.ToolResultContent:
		if c != nil {
			return instead(rev, "tool_result", c.ToolUseID)
		}
	}
	return nil
}

func visibleLink(rev *protocol.Revision, c *mcp.ResourceLink) mcp.Content {
	switch {
	case c == nil:
		return nil
	case !rev.Links:
		what := c.URI
		for _, more := range []string{c.Name, c.MIMEType, c.Description} {
			if more != "" {
				what += ", " + more
			}
		}
		return instead(rev, "resource_link", what)
	case c.Icons == nil || rev.Icons:
		return c
	}
	v := *c
	v.Icons = nil
	return &v
}

func visibleEmbedded(rev *protocol.Revision, c *mcp.EmbeddedResource) mcp.Content {
	switch {
	case c == nil || c.Resource == nil:
		return nil
	case trims(rev, c.Meta, c.Annotations) || c.Resource.Meta != nil && !rev.Titles:
		inner := *c.Resource
		inner.Meta = nil
		return &mcp.EmbeddedResource{Resource: &inner, Annotations: annotations(rev, c.Annotations)}
	}
	return c
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

// VisibleContents is Visible for all contents of a result; false when one is nothing. contents is not written to.
func VisibleContents(rev *protocol.Revision, contents []mcp.Content) ([]mcp.Content, bool) {
	shown := contents
	for i, c := range contents {
		v := Visible(rev, c)
		if v == nil {
			return nil, false
		}
		if v == c {
			continue
		}
		if &shown[0] == &contents[0] {
			shown = append([]mcp.Content(nil), contents...)
		}
		shown[i] = v
	}
	return shown, true
}
