package registry_test

import (
	"context"
	"io"
	"log"
	"net"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/reactor"
	"weir/registry"
)

// What the examples have in common: a registry to offer things in, and the SDK's client connected to a server of it.

func newRegistry() *registry.Registry {
	o := registry.DefaultOptions()
	o.Name, o.Version = "examples", "1.0"
	r, err := registry.New(o)
	if err != nil {
		log.Fatal(err)
	}
	return r
}

// connect serves r on a port of the kernel's choice and connects a client of the revision to it. stop ends both.
func connect(r *registry.Registry, revision string, options *mcp.ClientOptions) (client *mcp.ClientSession,
	stop func()) {
	address, end := serve(r)
	conn, err := net.Dial("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	client, err = mcp.NewClient(&mcp.Implementation{Name: "example", Version: "1"}, options).Connect(context.Background(),
		&mcp.IOTransport{Reader: conn, Writer: writeHalf{conn}}, &mcp.ClientSessionOptions{ProtocolVersion: revision})
	if err != nil {
		log.Fatal(err)
	}
	return client, func() {
		client.Close()
		end()
	}
}

// serve serves r on a port of the kernel's choice.
func serve(r *registry.Registry) (address string, stop func()) {
	o := reactor.DefaultOptions()
	o.HTTP, o.TCP = "", "127.0.0.1:0"
	server, err := reactor.New(r, reactor.Config{Options: &o})
	if err == nil {
		err = server.Listen()
	}
	if err == nil {
		err = server.Start()
	}
	if err != nil {
		log.Fatal(err)
	}
	return server.Addrs()["tcp"], func() { server.Shutdown(context.Background()) }
}

// writeHalf leaves the closing to the reading half, which is the same connection.
type writeHalf struct{ io.Writer }

func (writeHalf) Close() error { return nil }

func text(s string) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: s}}}
}

// said is the text of a result.
func said(result *mcp.CallToolResult, err error) string {
	if err != nil {
		log.Fatal(err)
	}
	return result.Content[0].(*mcp.TextContent).Text
}
