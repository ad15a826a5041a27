package paths

import "testing"

func TestOf(t *testing.T) {
	f := func(p Paths, path string, to Service, name string) {
		t.Helper()
		if got, at := p.Of([]byte(path)); got != to || string(at) != name {
			t.Errorf("%q: %d %q, want %d %q", path, got, at, to, name)
		}
	}
	p := New("/mcp", "/sse")
	f(p, "/mcp", MCP, "")
	f(p, "/mcp/", MCP, "")
	f(p, "/mcp/a", MCP, "a")
	f(p, "/mcp/a/", MCP, "a")
	f(p, "/mcp/%61", MCP, "%61")
	f(p, "/sse", SSE, "")
	f(p, "/sse/a", SSE, "a")
	for _, path := range []string{"", "/", "/mcpa", "/mcp/a/b", "/mcp//a", "/mcp//", "//mcp", "/mc", "/MCP", "/mcp?", "*",
		"/ssea"} {
		f(p, path, Nothing, "")
	}
	root := New("/", "")
	f(root, "/", MCP, "")
	f(root, "/a", MCP, "a")
	f(root, "/.well-known/x", Nothing, "")
	f(New("/x/mcp/", ""), "/x/mcp", MCP, "")
	f(New("/", "/sse"), "/sse", SSE, "")
}
