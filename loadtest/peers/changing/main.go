// Command changing is Weir with something to tell: a list of tools that changes, and resources that are updated, when
// its admin listener is asked for it. It is what the benchmarks of event streams measure, since `weir serve` offers
// nothing that changes. Everything is at its default but the addresses and max_result_bytes: its tool large answers
// with as many bytes as it is asked for, up to 20 MiB.
//
//	POST /change        adds a tool, or takes it out again: one change of the list
//	POST /update?uri=U  says that the resource U was updated
//	GET /live            bytes of the heap that are in use, after a collection
//	GET /status, /metrics, /debug/pprof/  as the admin listener of weir
//
// It prints "listening ADDRESS" with the address of its admin listener, and serves until it is killed.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"runtime"
	"strings"
	"sync"

	"github.com/VictoriaMetrics/metrics"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/reactor"
	"weir/registry"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "changing:", err)
		os.Exit(1)
	}
}

func run() error {
	set := metrics.NewSet()
	offered := registry.DefaultOptions()
	offered.Name, offered.Version = "changing", "1.0"
	offered.Metrics = set
	offered.MaxResultBytes = 32 << 20
	r, err := registry.New(offered)
	if err != nil {
		return err
	}
	// A resource and a tool that stay, so that both lists are declared from the beginning.
	r.AddResource(&mcp.Resource{Name: "news", URI: "bench://news"}, func(context.Context,
		*mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		return nil, errors.New("nobody reads this")
	})
	addTool(r, "stays")
	registry.AddTool(r, &mcp.Tool{Name: "large", Description: "answers with a text of so many bytes"}, large)
	server, err := start(r, set)
	if err != nil {
		return err
	}
	admin, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	http.HandleFunc("POST /change", changer(r))
	http.HandleFunc("POST /update", func(_ http.ResponseWriter, q *http.Request) { r.ResourceUpdated(q.FormValue("uri")) })
	http.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) { set.WritePrometheus(w) })
	http.HandleFunc("GET /live", tellLive)
	http.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		status := map[string]any{"listeners": server.Addrs(), "goroutines": runtime.NumGoroutine()}
		_ = json.NewEncoder(w).Encode(status) // who asked has gone
	})
	fmt.Println("listening", admin.Addr())
	return http.Serve(admin, nil)
}

func tellLive(w http.ResponseWriter, _ *http.Request) {
	runtime.GC()
	runtime.GC() // what lies unused in a sync.Pool outlives one
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Fprint(w, m.HeapAlloc)
}

// changer returns a handler that changes the list of tools once each time.
func changer(r *registry.Registry) http.HandlerFunc {
	const name = "comes_and_goes"
	var mu sync.Mutex
	there := false
	return func(http.ResponseWriter, *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if there = !there; there {
			addTool(r, name)
		} else {
			r.RemoveTool(name)
		}
	}
}

func addTool(r *registry.Registry, name string) {
	r.AddTool(&mcp.Tool{Name: name, InputSchema: json.RawMessage(`{"type":"object"}`)},
		func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return &mcp.CallToolResult{}, nil
		},
		registry.Cheap())
}

type largeIn struct {
	Bytes int `json:"bytes"`
}

// largeText is what large answers are cut from.
var largeText = strings.Repeat("0123456789abcdef", 20<<20/16)

func large(_ context.Context, _ *mcp.CallToolRequest, in largeIn) (*mcp.CallToolResult, any, error) {
	if in.Bytes < 0 || in.Bytes > len(largeText) {
		return nil, nil, errors.New("bytes: 0 to 20 MiB")
	}
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: largeText[:in.Bytes]}}}, nil, nil
}

// start assembles a server and runs it.
func start(r *registry.Registry, set *metrics.Set) (*reactor.Server, error) {
	options := reactor.DefaultOptions()
	options.HTTP, options.TCP = "127.0.0.1:0", "127.0.0.1:0"
	server, err := reactor.New(r, reactor.Config{Options: &options, Metrics: set})
	if err != nil {
		return nil, err
	}
	if err := server.Listen(); err != nil {
		return nil, err
	}
	return server, server.Start()
}
