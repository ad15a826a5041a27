package nodes

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/rs/zerolog"

	"weir/backpressure"
	"weir/cmd/demo"
	"weir/codec/option"
	"weir/reactor"
	"weir/reactor/cluster/queue"
	"weir/registry"
)

// BenchmarkQueue calls echo over so many connections, one call at a time on each: at a server that is alone (none), and
// at a front end with a worker behind it, all in this process. WEIR_QUEUES names further brokers by their addresses,
// with blanks between them. p50 and p99 are of a call; the difference to none is what the queue adds.
func BenchmarkQueue(b *testing.B) {
	engines := append([]string{"none", startNATS(b)}, strings.Fields(os.Getenv("WEIR_QUEUES"))...)
	for _, engine := range engines {
		scheme, _, _ := strings.Cut(engine, ":")
		for _, clients := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/%d", scheme, clients), func(b *testing.B) {
				var address string
				if engine == "none" {
					address = startServer(b, nil)
				} else {
					o := queue.Options{}
					option.SetDefaults(&o)
					o.Prefix = fmt.Sprintf("bench%d", time.Now().UnixNano())
					open := openerOf(engine, nil)
					address = startServer(b, &reactor.Calls{Name: "f", Open: open, Options: o})
					startServer(b, &reactor.Calls{Name: "w", Works: true, Open: open, Options: o})
				}
				benchCalls(b, address, clients)
			})
		}
	}
}

func startNATS(b *testing.B) string {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	s.Start()
	b.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		b.Fatal("the NATS server does not start")
	}
	return "nats://" + s.Addr().String()
}

// startServer serves the demonstration tools until the benchmark ends, and returns where it speaks lines.
func startServer(b *testing.B, calls *reactor.Calls) string {
	offered := registry.DefaultOptions()
	offered.Name, offered.Version = "bench", "1"
	reg, err := registry.New(offered)
	if err != nil {
		b.Fatal(err)
	}
	demo.AddTools(reg)
	o, bounds, silent := reactor.DefaultOptions(), backpressure.DefaultOptions(), zerolog.Nop()
	o.HTTP, o.TCP, o.DrainSpread = "", "127.0.0.1:0", 0
	bounds.QueueTimeout, bounds.MaxExpectedWait, bounds.OverloadQueueTimeout = 0, 0, 0
	s, err := reactor.New(reg, reactor.Config{Options: &o, Queue: &bounds, Log: &silent, Calls: calls})
	if err == nil {
		err = s.Listen()
	}
	if err == nil {
		err = s.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Shutdown(context.Background()) })
	return s.Addrs()["tcp"]
}

const benchCall = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo",` +
	`"arguments":{"message":"hello"},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",` +
	`"io.modelcontextprotocol/clientCapabilities":{}}}}` + "\n"

func benchCalls(b *testing.B, address string, clients int) {
	var all []time.Duration
	var mu sync.Mutex
	conns := make([]net.Conn, clients)
	for i := range conns {
		var err error
		if conns[i], err = net.Dial("tcp", address); err != nil {
			b.Fatal(err)
		}
		defer conns[i].Close()
	}
	ask := func(c net.Conn, r *bufio.Reader) string {
		fmt.Fprint(c, benchCall)
		line, _ := r.ReadString('\n')
		return line
	}
	for r := bufio.NewReader(conns[0]); !strings.Contains(ask(conns[0], r), `"result"`); {
		time.Sleep(10 * time.Millisecond) // until the worker is there
	}
	b.ResetTimer()
	var calling sync.WaitGroup
	for i, c := range conns {
		n := b.N / clients
		if i < b.N%clients {
			n++
		}
		calling.Go(func() {
			r, took := bufio.NewReader(c), make([]time.Duration, 0, n)
			for range n {
				began := time.Now()
				if line := ask(c, r); !strings.Contains(line, `"result"`) {
					b.Errorf("%q", line)
					return
				}
				took = append(took, time.Since(began))
			}
			mu.Lock()
			all = append(all, took...)
			mu.Unlock()
		})
	}
	calling.Wait()
	b.StopTimer()
	if len(all) == 0 {
		return
	}
	slices.Sort(all)
	b.ReportMetric(float64(len(all))/b.Elapsed().Seconds(), "calls/s")
	b.ReportMetric(float64(all[len(all)/2].Microseconds()), "p50-us")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "p99-us")
}
