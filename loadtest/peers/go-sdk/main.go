// Command go-sdk is the peer that Weir is measured against over HTTP: the same `echo` tool on the official Go SDK's
// own server (streamable HTTP, sessions kept). It prints "listening ADDRESS" and serves until it is killed;
// /goroutines says how many goroutines it has.
//
// -json answers with application/json instead of the SDK's default, an SSE stream per answer. The benchmark measures
// both, so that the comparison does not rest on the setting that happens to be slower.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

type echoIn struct {
	Message string `json:"message"`
}

type largeIn struct {
	Bytes int `json:"bytes"`
}

func main() {
	asJSON := flag.Bool("json", false, "answer with application/json instead of an SSE stream")
	flag.Parse()
	if err := run(*asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "go-sdk:", err)
		os.Exit(1)
	}
}

func run(asJSON bool) error {
	s := mcp.NewServer(&mcp.Implementation{Name: "peer-go-sdk", Version: "1.0.0"}, nil)
	mcp.AddTool(s, &mcp.Tool{Name: "echo", Description: "Answers with the text it was given."},
		func(_ context.Context, _ *mcp.CallToolRequest, in echoIn) (*mcp.CallToolResult, any, error) {
			return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: in.Message}}}, nil, nil
		})
	text := strings.Repeat("0123456789abcdef", 20<<20/16)
	mcp.AddTool(s, &mcp.Tool{Name: "large", Description: "Answers with a text of so many bytes."},
		func(_ context.Context, _ *mcp.CallToolRequest, in largeIn) (*mcp.CallToolResult, any, error) {
			return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text[:in.Bytes]}}}, nil, nil
		})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("listening", ln.Addr())
	mux := http.NewServeMux()
	mux.Handle("/mcp", mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s },
		&mcp.StreamableHTTPOptions{JSONResponse: asJSON}))
	mux.HandleFunc("/goroutines", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, runtime.NumGoroutine()) })
	return http.Serve(ln, mux)
}
