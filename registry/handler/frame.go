package handler

import (
	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry/call"
	"weir/registry/schema"
)

// frame is what a handler of any kind is given besides its request, and part of the same piece of memory. It is never
// reused: handlers may leak it.
type frame struct {
	ctx call.Context
	dec schema.Decoder
	// extra is each request's own, since handlers and middleware write to it.
	extra mcp.RequestExtra
}

// begin decodes the request's _meta, and lets Cancel and the deadline reach the context.
func (f *frame) begin(c *call.Call, into *mcp.Meta, h *call.Handler) error {
	if meta := c.Env.Meta.Of(c.Raw); meta != nil && !h.SkipsMeta {
		if err := f.dec.Object(string(meta), (*map[string]any)(into)); err != nil {
			return errMeta
		}
	}
	f.ctx.Begin(c, h)
	return nil
}

// from tells a handler who asks, where the SDK's handlers look for it: through the session it reaches the client,
// Extra.TokenInfo.UserID is the principal (no TokenInfo for anybody), and Extra.Header is what it reads of the header.
func (f *frame) from(c *call.Call, h *call.Handler) (*mcp.ServerSession, *mcp.RequestExtra) {
	if c.Principal != "" {
		f.extra.TokenInfo = &auth.TokenInfo{UserID: c.Principal}
	}
	if h.ReadsHeader && c.Header != nil {
		f.extra.Header = c.Header.FieldMap(h.HeaderNames)
	}
	return h.Sessions.Of(c), &f.extra
}

// arguments copies params.arguments out of the message, whose bytes are reused after the call; "" when absent or null.
func arguments(c *call.Call) (string, error) {
	raw := c.Env.Arguments.Of(c.Raw)
	switch {
	case raw == nil || string(raw) == "null":
		return "", nil
	case raw[0] != '{':
		return "", errArgumentsType
	}
	return string(raw), nil
}
