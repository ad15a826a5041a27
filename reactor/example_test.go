package reactor_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/reactor"
	"weir/registry"
)

type greeting struct {
	Name string `json:"name" jsonschema:"who to greet"`
}

func greet(_ context.Context, _ *mcp.CallToolRequest, in greeting) (*mcp.CallToolResult, any, error) {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "Hello, " + in.Name}}}, nil, nil
}

// A program that its client launches: no address is bound, there are only standard input and output.
func ExampleServer_ServeStdio() {
	named := registry.DefaultOptions()
	named.Name, named.Version = "greet", "1.0"
	offered, err := registry.New(named)
	if err != nil {
		log.Fatal(err)
	}
	server, err := reactor.New(offered, reactor.Config{})
	if err != nil {
		log.Fatal(err)
	}
	stdin := strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"ping"}`) // os.Stdin in a program
	if err := server.ServeStdio(context.Background(), stdin, os.Stdout); err != nil {
		log.Fatal(err)
	}
	// Output:
	// {"jsonrpc":"2.0","id":1,"result":{}}
}

// A whole server: something to offer, where to listen, and a stop that lets calls finish.
func ExampleServer() {
	named := registry.DefaultOptions()
	named.Name, named.Version = "greet", "1.0"
	offered, err := registry.New(named)
	if err != nil {
		log.Fatal(err)
	}
	registry.AddTool(offered, &mcp.Tool{Name: "greet", Description: "Greets someone."}, greet, registry.Cheap())

	options := reactor.DefaultOptions()
	options.HTTP, options.TCP = "127.0.0.1:0", "" // a port of the kernel's choice, and no lines over TCP
	server, err := reactor.New(offered, reactor.Config{Options: &options})
	if err != nil {
		log.Fatal(err)
	}
	if err := server.Listen(); err != nil { // to know the port; a program that does not ask calls Serve alone
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background()) // signal.NotifyContext in a program
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx) }()
	defer func() { stop(); <-ended }() // calls that run may finish

	// What a client of 2026-07-28 sends, spelled out.
	call, err := http.NewRequest("POST", "http://"+server.Addrs()["http"]+"/mcp",
		strings.NewReader(`{"jsonrpc":"2.0","id":1,`+
			`"method":"tools/call","params":{"name":"greet","arguments":{"name":"Ada"},"_meta":{`+
			`"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`))
	if err != nil {
		log.Fatal(err)
	}
	for name, value := range map[string]string{"Content-Type": "application/json",
		"Accept":               "application/json, text/event-stream",
		"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "greet"} {
		call.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(call)
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	fmt.Println(string(text))
	fmt.Println(err)
	// Output: {"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"Hello, Ada"}],"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"greet","version":"1.0"}}}}
	// <nil>
}
