// Command everything is a server that offers what the public MCP conformance suite asks for, as far as Weir can serve it
// today. It is written against the public API alone, so it is also the shortest example of a server of one's own:
// registry.New, AddTool, a queue, limits, a reactor.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/alecthomas/kong"
	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"weir/backpressure"
	"weir/reactor"
	"weir/registry"
)

// stopTimeout bounds the drain after a signal.
const stopTimeout = 10 * time.Second

func main() {
	var flags struct {
		HTTP string `name:"http" default:"127.0.0.1:8080" placeholder:"ADDR" help:"Listen for HTTP on host:port; port 0 lets the kernel choose."`
	}
	kong.Parse(&flags, kong.Name("everything"), kong.Description("The fixture server of the MCP conformance suite."))
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

// start assembles a server and runs it; stop drains it.
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

	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return nil, nil, err
	}
	set, bounds := metrics.NewSet(), backpressure.DefaultOptions().Resolve(files.Cur)
	queue, err := backpressure.NewQueue(bounds, set)
	if err != nil {
		return nil, nil, err
	}
	limits, err := backpressure.NewLimits(bounds, queue, nil, set)
	if err != nil {
		return nil, nil, err
	}

	options := reactor.DefaultOptions()
	options.HTTP, options.TCP = address, ""
	log := zerolog.New(os.Stderr).Level(zerolog.WarnLevel)
	server, err = reactor.New(options, reactor.Deps{Registry: offered, Queue: queue, Limits: limits, Metrics: set, Log: log})
	if err != nil {
		return nil, nil, err
	}
	if err := server.Listen(); err != nil {
		return nil, nil, err
	}
	queue.Start()
	if err := server.Start(); err != nil {
		return nil, nil, err
	}
	return server, func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		server.Drain(ctx)
		queue.Stop(ctx)
	}, nil
}
