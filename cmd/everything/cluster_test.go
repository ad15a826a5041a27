package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/rs/zerolog"

	"weir/cmd/needs"
	"weir/reactor"
	"weir/reactor/cluster"
	"weir/reactor/cluster/loopback"
	"weir/registry"
	"weir/registry/nodeid"
)

// TestConformanceOfACluster runs the frozen sets of both eras against three nodes, each request to the next.
func TestConformanceOfACluster(t *testing.T) {
	needs.Slow(t)
	installClients(t)
	balancer := httptest.NewServer(roundRobin(t, startNodes(t, 3)))
	t.Cleanup(balancer.Close)
	port := balancer.URL[strings.LastIndexByte(balancer.URL, ':')+1:]
	for _, revision := range []string{"2025-11-25", "2026-07-28"} {
		t.Run(revision, func(t *testing.T) {
			out := runNode(t, 3*time.Minute, "node_modules/@modelcontextprotocol/conformance/dist/index.js", "server",
				"--url", "http://localhost:"+port+"/mcp", "--requirements", revision,
				"--expected-failures", "testdata/conformance-"+revision+".yml")
			for line := range strings.SplitSeq(out, "\n") {
				if strings.HasPrefix(line, "Total: ") {
					t.Log(line)
				}
			}
		})
	}
}

// roundRobin is a balancer without stickiness that lets the host of a request stand. An answer may begin before the proxy
// has read the end of the request's body, of which Go's server takes what is left then, unless a handler says that it
// goes on reading; the proxy would fail to read it, and close its connection to the node in the middle of the answer.
func roundRobin(t *testing.T, nodes []*reactor.Server) http.Handler {
	var targets []*url.URL
	for _, n := range nodes {
		target, err := url.Parse("http://" + n.Addrs()["http"])
		if err != nil {
			t.Fatal(err)
		}
		targets = append(targets, target)
	}
	var next atomic.Uint32
	proxy := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(targets[int(next.Add(1))%len(targets)])
		r.Out.Host = r.In.Host
	}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
			t.Error(err)
		}
		proxy.ServeHTTP(w, r)
	})
}

// startNodes starts so many servers that are nodes of one cluster.
func startNodes(t *testing.T, n int) (servers []*reactor.Server) {
	network := loopback.New()
	var nodes []*cluster.Node
	for i := range n {
		name := fmt.Sprintf("n%d", i)
		ids, err := nodeid.New(name, []byte(strings.Repeat("s", 32)))
		if err != nil {
			t.Fatal(err)
		}
		o := cluster.Options{Node: name, HeartbeatInterval: 100 * time.Millisecond, SuspectAfter: 10 * time.Second,
			DeadAfter: 20 * time.Second, ForgetAfter: time.Minute}
		set := metrics.NewSet()
		node := cluster.New(o, cluster.Identity{Build: "test", Mode: "cluster"},
			func() cluster.Load { return cluster.Load{} }, set, zerolog.Nop())
		server, err := listen("127.0.0.1:0", func(o *registry.Options, c *reactor.Config) {
			o.IDs, c.Node, c.Metrics = ids, node, set
		})
		if err == nil {
			err = server.Start()
		}
		if err == nil {
			err = node.Start(network.Open)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			server.Shutdown(ctx)
			if err := node.Close(ctx); err != nil {
				t.Error(err)
			}
		})
		servers, nodes = append(servers, server), append(nodes, node)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		known := 0
		for _, node := range nodes {
			for _, other := range nodes {
				if node.Alive(other.Name()) {
					known++
				}
			}
		}
		if known == n*(n-1) {
			return servers
		}
		if time.Now().After(deadline) {
			t.Fatal("the nodes do not find each other")
		}
	}
}
