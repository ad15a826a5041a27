package cmd

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry"
)

// runCall calls as from a shell.
func runCall(args ...string) (code int, out, errs string) {
	var stdout, stderr strings.Builder
	code = run(append([]string{"call"}, args...), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

// TestCall calls over every transport, in both eras, with and without a token.
func TestCall(t *testing.T) {
	path, tokens := makeTokens(t, "ann")
	tokenFile := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(tokenFile, []byte(tokens["ann"]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, withTokens := range []bool{false, true} {
		s := startTest(t, func(c *Config) {
			c.Server.Unix = filepath.Join(t.TempDir(), "s")
			if withTokens {
				c.Server.Auth.TokensFile = path
				c.tokens, _ = loadTokens(path, tokensKey, c.places.Of(tokensKey))
			}
		})
		for _, target := range []string{"http://" + s.addresses["http"] + "/mcp", s.addresses["http"],
			"ws://" + s.addresses["http"], "tcp://" + s.addresses["tcp"], "unix:" + s.addresses["unix"]} {
			for _, era := range []string{"auto", "legacy", "modern"} {
				args := []string{"--target", target, "--era", era, "echo", "message=hello\x1b[2J"}
				if withTokens {
					args = append(args, "--token-file", tokenFile)
				}
				if code, out, errs := runCall(args...); code != 0 || out != "hello\ufffd[2J\n" {
					t.Errorf("%q: exit %d, %q, %s", args, code, out, errs)
				}
			}
			if withTokens {
				if code, _, errs := runCall("--target", target, "echo", "message=x"); code != 3 {
					t.Errorf("%s without a token: exit %d, %s", target, code, errs)
				}
			}
		}
	}
}

// TestCallAnswers: what is printed, and which exit code is whose.
func TestCallAnswers(t *testing.T) {
	began, ended := make(chan struct{}), make(chan struct{})
	s := startTest(t, func(c *Config) {
		c.program.Offer = func(r *registry.Registry) error {
			registry.AddTool(r, &mcp.Tool{Name: "fails"}, func(context.Context, *mcp.CallToolRequest, struct{}) (
				*mcp.CallToolResult, any, error) {
				return &mcp.CallToolResult{IsError: true, Content: []mcp.Content{&mcp.TextContent{Text: "no luck"}}}, nil, nil
			})
			registry.AddTool(r, &mcp.Tool{Name: "picture"}, func(context.Context, *mcp.CallToolRequest, struct{}) (
				*mcp.CallToolResult, any, error) {
				return &mcp.CallToolResult{Content: []mcp.Content{&mcp.ImageContent{MIMEType: "image/png", Data: []byte("123")},
					&mcp.ResourceLink{URI: "file:///x", Name: "x"}}}, nil, nil
			})
			registry.AddTool(r, &mcp.Tool{Name: "waits"}, func(ctx context.Context, _ *mcp.CallToolRequest, _ struct{}) (
				*mcp.CallToolResult, any, error) {
				close(began)
				<-ctx.Done()
				close(ended)
				return nil, nil, ctx.Err()
			})
			return nil
		}
	})
	target := "--target=http://" + s.addresses["http"] + "/mcp"
	f := func(code int, out, errs string, args ...string) {
		t.Helper()
		gotCode, gotOut, gotErrs := runCall(args...)
		if gotCode != code || !strings.Contains(gotOut, out) || !strings.Contains(gotErrs, errs) {
			t.Errorf("%q: exit %d, %s%s", args, gotCode, gotOut, gotErrs)
		}
	}
	f(0, "echo message=string\n    Returns the message it was sent.\n", "", target, "--list")
	f(0, `"name": "echo"`, "", target, "--list", "--raw")
	f(0, "[image, image/png, 3 bytes]\n[resource file:///x, x]\n", "", target, "picture")
	f(0, `"mimeType": "image/png"`, "", target, "picture", "--raw")
	f(0, "a b\n", "", target, "echo", "--json", `{"message": "a b"}`)
	f(1, "no luck\n", "", target, "fails")
	f(1, "", "the server answers with error -32602: Unknown tool: non", target, "non")
	f(1, `validating /properties/ms: minimum`, "", target, "sleep", "ms=-1")
	f(2, "", `ms: "x" is not allowed: allowed is integer`, target, "sleep", "ms=x")
	f(2, "", `echo has no argument "mesage"; did you mean "message"?`, target, "echo", "mesage=x")
	f(2, "", "allowed is TOOL with its arguments, or --list", target)
	f(2, "", "is no JSON object", target, "echo", "--json", "[]")
	f(2, "", "https is not spoken here", "--target", "https://x/mcp", "echo")
	f(2, "", "is no target", "--target", "ftp://x/mcp", "echo")
	f(2, "", "--token-file: open /nope", "--token-file", "/nope", "echo")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	l.Close()
	for _, scheme := range []string{"http://", "ws://", "tcp://"} {
		f(3, "", "connection refused; --target says where it is", "--target", scheme+nobody, "echo")
	}
	f(3, "", "no such file", "--target", "unix:/nope/s", "echo")
	none := httptest.NewServer(http.NotFoundHandler())
	defer none.Close()
	f(3, "", "no MCP server answers", "--target", none.URL, "echo")

	go func() {
		<-began
		_ = syscall.Kill(os.Getpid(), syscall.SIGINT) // as Ctrl-C does; the command alone listens
	}()
	f(130, "", "cancelled", target, "waits")
	<-ended // the server has heard of it
}

// TestCallGone: a server that goes away in the middle of a call was not reached.
func TestCallGone(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		for d := json.NewDecoder(conn); ; {
			var m struct {
				ID     json.RawMessage
				Method string
			}
			if d.Decode(&m) != nil || m.Method == "tools/list" {
				return
			}
			if m.Method == "initialize" {
				_, _ = conn.Write([]byte(`{"jsonrpc":"2.0","id":` + string(m.ID) +
					`,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"x","version":"1"}}}` + "\n"))
			}
		}
	}()
	if code, _, errs := runCall("--era=legacy", "--target=tcp://"+l.Addr().String(), "x"); code != 3 {
		t.Errorf("exit %d, %s", code, errs)
	}
}
