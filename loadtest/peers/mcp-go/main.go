// Command mcp-go is the peer that Weir is measured against over HTTP: the same `echo` tool on
// github.com/mark3labs/mcp-go, as its users run it (streamable HTTP, sessions kept). It prints "listening ADDRESS" and
// serves until it is killed; /goroutines says how many goroutines it has.
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "mcp-go:", err)
		os.Exit(1)
	}
}

func run() error {
	s := server.NewMCPServer("peer-mcp-go", "1.0.0", server.WithToolCapabilities(false))
	tool := mcp.NewTool("echo", mcp.WithDescription("Answers with the text it was given."),
		mcp.WithString("message", mcp.Required()))
	s.AddTool(tool, func(_ context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		text, err := req.RequireString("message")
		if err != nil {
			return mcp.NewToolResultError(err.Error()), nil
		}
		return mcp.NewToolResultText(text), nil
	})
	large := strings.Repeat("0123456789abcdef", 20<<20/16)
	s.AddTool(mcp.NewTool("large", mcp.WithDescription("Answers with a text of so many bytes."),
		mcp.WithNumber("bytes", mcp.Required())),
		func(_ context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return mcp.NewToolResultText(large[:req.GetInt("bytes", 0)]), nil
		})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("listening", ln.Addr())
	mux := http.NewServeMux()
	mux.Handle("/mcp", server.NewStreamableHTTPServer(s, server.WithStateful(true)))
	mux.HandleFunc("/goroutines", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, runtime.NumGoroutine()) })
	return http.Serve(ln, mux)
}
