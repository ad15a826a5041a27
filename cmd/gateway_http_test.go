package cmd

import (
	"context"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/reactor/mount"
)

// TestGatewayHTTP mounts servers over HTTP, as the page of the gateway says: the SDK's, with sessions and without, and
// one of ours. What is answered is the same directly and through the mount, in both eras.
func TestGatewayHTTP(t *testing.T) {
	sdk := mcp.NewServer(&mcp.Implementation{Name: "sdk", Version: "1"}, nil)
	mcp.AddTool(sdk, &mcp.Tool{Name: "echo"}, func(_ context.Context, _ *mcp.CallToolRequest, in struct {
		Message string `json:"message"`
	}) (*mcp.CallToolResult, any, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: in.Message}}}, nil, nil
	})
	weir := startTest(t, func(c *Config) { c.Demo = true })
	urls := map[string]string{"weir": "http://" + weir.addresses["http"] + "/mcp"}
	for name, options := range map[string]*mcp.StreamableHTTPOptions{
		"sessions": {}, "stateless": {Stateless: true}, "JSON": {JSONResponse: true},
	} {
		server := httptest.NewServer(mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return sdk }, options))
		t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
		urls[name] = server.URL
	}
	for name, url := range urls {
		for _, era := range []string{"auto", "modern"} {
			if era == "modern" && name != "weir" && name != "stateless" {
				continue
			}
			t.Run(name+" "+era, func(t *testing.T) {
				o := mount.DefaultOptions()
				o.URL, o.Prefix, o.Era = url, "", era
				s := startTest(t, func(c *Config) {
					c.Demo = false
					c.mounts = map[string]*mount.Options{"m": &o}
				})
				eventually(t, "it is there", func() bool { return s.reactor.Status().Mounts[0].Up })
				direct := walk(t, &mcp.StreamableClientTransport{Endpoint: url}, "2025-11-25")
				for _, revision := range []string{"2025-11-25", "2026-07-28"} {
					through := walk(t, &mcp.StreamableClientTransport{Endpoint: "http://" + s.addresses["http"] + "/mcp"}, revision)
					if !reflect.DeepEqual(through["echo"], direct["echo"]) || direct["echo"] == nil {
						t.Errorf("%s: got %s, want %s", revision, shown(through["echo"]), shown(direct["echo"]))
					}
					if len(through) != len(direct) {
						t.Errorf("%s: %d answers, directly %d", revision, len(through), len(direct))
					}
				}
			})
		}
	}
}
