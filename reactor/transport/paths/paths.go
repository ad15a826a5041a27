// Package paths is where HTTP requests go: to MCP, to the transport of 2024-11-05, or nowhere, and there to the
// endpoint that a path names.
//
// Its one rule: a path is compared as it came. What would have to be unescaped first is served nowhere.
//
// It never knows which endpoints there are.
package paths

import (
	"bytes"
	"strings"
)

// Service is what a path is for.
type Service uint8

const (
	Nothing Service = iota // nobody
	MCP                    // Streamable HTTP and WebSocket
	SSE                    // HTTP+SSE of 2024-11-05
)

// Paths are those that are served, as the options have them.
type Paths struct{ mcp, sse string }

// New makes the paths of a server; sse "" is off.
func New(mcp, sse string) Paths {
	return Paths{mcp: strings.TrimSuffix(mcp, "/"), sse: strings.TrimSuffix(sse, "/")}
}

// Of says what a path is for, and the name of the endpoint, which is empty at the main one. A slash at its end is as
// none: clients and proxies add one and drop one. Nothing is redirected, since a POST does not survive that.
func (p *Paths) Of(path []byte) (to Service, name []byte) {
	path = bytes.TrimSuffix(path, []byte{'/'})
	if name, ok := below(path, p.sse); ok && p.sse != "" {
		return SSE, name
	}
	if name, ok := below(path, p.mcp); ok {
		return MCP, name
	}
	return Nothing, nil
}

// below is the one name with which path goes on behind base; empty: it ends there.
func below(path []byte, base string) (name []byte, ok bool) {
	if len(path) < len(base) || string(path[:len(base)]) != base {
		return nil, false
	}
	name = path[len(base):]
	if len(name) == 0 {
		return nil, true
	}
	return name[1:], name[0] == '/' && len(name) > 1 && bytes.IndexByte(name[1:], '/') < 0
}
