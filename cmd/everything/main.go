// Command everything is a server that offers what the public MCP conformance suite asks for. It is written against
// registry and reactor alone, so it is also an example of a server of one's own without the weir program around it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"weir/reactor"
	"weir/registry"
)

func main() {
	address := flag.String("http", "127.0.0.1:8080",
		"listen for HTTP and WebSocket on `host:port`; port 0 lets the kernel choose")
	flag.Parse()
	stop, _ := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	server, err := listen(*address)
	if err == nil {
		fmt.Printf("http://%s/mcp\n", server.Addrs()["http"])
		err = server.Serve(stop)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "everything:", err)
		os.Exit(1)
	}
}

// listen makes the server and binds its address. change, if any, changes what it is made of.
func listen(address string, change ...func(*registry.Options, *reactor.Config)) (*reactor.Server, error) {
	named := registry.DefaultOptions()
	named.Name, named.Version = "everything", "1.0"
	options := reactor.DefaultOptions()
	options.HTTP, options.TCP = address, ""
	config := reactor.Config{Options: &options}
	for _, f := range change {
		f(&named, &config)
	}
	offered, err := registry.New(named)
	if err != nil {
		return nil, err
	}
	for _, add := range []func(*registry.Registry){addTools, addStreams, addQuestions, addJobs, addResources, addPrompts} {
		add(offered)
	}
	server, err := reactor.New(offered, config)
	if err != nil {
		return nil, err
	}
	return server, server.Listen()
}
