// Command everything is a server that offers what the public MCP conformance suite asks for, as far as Weir can serve it
// today. It is written against the public API alone, so it is also an example of a server of one's own: registry.New,
// AddTool, reactor.New.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"weir/reactor"
	"weir/registry"
)

// stopTimeout bounds the drain after a signal.
const stopTimeout = 10 * time.Second

func main() {
	var flags struct {
		HTTP string `name:"http" default:"127.0.0.1:8080" placeholder:"ADDR" help:"Listen for HTTP and WebSocket on host:port (default ${default}); port 0 lets the kernel choose."`
	}
	kong.Parse(&flags, kong.Name("everything"), kong.Description("The fixture server of the MCP conformance suite: tools, streams, questions, resources and prompts at http://ADDR/mcp, until SIGTERM or SIGINT."))
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	server, stop, err := start(flags.HTTP)
	if err != nil {
		fmt.Fprintln(os.Stderr, "everything:", err)
		os.Exit(1)
	}
	fmt.Printf("http://%s/mcp\n", server.Addrs()["http"])
	<-signals
	stop()
}

// start puts a server together and runs it; stop drains it.
func start(address string) (server *reactor.Server, stop func(), err error) {
	offered, err := registry.New(registry.DefaultOptions())
	if err != nil {
		return nil, nil, err
	}
	addTools(offered)
	addStreams(offered)
	addQuestions(offered)
	addJobs(offered)
	addResources(offered)
	addPrompts(offered)

	options := reactor.DefaultOptions()
	options.HTTP, options.TCP = address, ""
	if server, err = reactor.New(offered, reactor.Config{Options: &options}); err != nil {
		return nil, nil, err
	}
	if err = server.Listen(); err == nil {
		err = server.Start()
	}
	return server, func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		server.Shutdown(ctx)
	}, err
}
