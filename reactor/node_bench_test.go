package reactor

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"golang.org/x/sys/unix"

	"weir/codec/option"
	"weir/reactor/cluster"
	"weir/reactor/cluster/loopback"
	"weir/reactor/cluster/nats"
)

// overNATS are nodes that are joined by NATS servers of their own, on the loopback.
func overNATS() *joined {
	var first string
	var mu sync.Mutex
	return &joined{Network: loopback.New(), other: func(name string, h cluster.Handler) (cluster.Engine, error) {
		mu.Lock()
		defer mu.Unlock()
		var o nats.Options
		option.SetDefaults(&o)
		o.Listen = "127.0.0.1:0"
		if first != "" {
			o.Peers = []string{first}
		}
		e, err := nats.Opener(o, metrics.NewSet(), *silent)(name, h)
		if err == nil && first == "" {
			first = e.Health().Address
		}
		return e, err
	}}
}

// BenchmarkForwarded is clients that have one call under way each, at the node that has their sessions and at another
// one. CPU is that of the process, which is both nodes and the clients.
func BenchmarkForwarded(b *testing.B) {
	for _, engine := range []string{"loopback", "nats"} {
		for _, clients := range []int{1, 32} {
			for entry, where := range []string{"own", "forwarded"} {
				b.Run(fmt.Sprintf("%s/%d/%s", engine, clients, where), func(b *testing.B) {
					j := &joined{Network: loopback.New()}
					if engine == "nats" {
						j = overNATS()
					}
					j.start(b, 2, func(*Config) {}).measure(b, clients, entry)
				})
			}
		}
	}
}

// caller returns a function that makes a call of a session of the first node at a node.
func (j *joined) caller(b *testing.B, entry int) func() {
	session := j.servers[0].dial("http").session()
	p := j.servers[entry].dial("http")
	call := []byte(callIn(session, "1", "echo", `{"message":"hello"}`))
	const ok = "HTTP/1.1 200"
	answer := make([]byte, 4096)
	must(b, func() error { _, err := p.Write(call); return err }())
	n, err := p.Read(answer) // it leaves in one write
	must(b, err)
	return func() {
		if _, err := p.Write(call); err != nil {
			b.Error(err)
		}
		if _, err := io.ReadFull(p.Conn, answer[:n]); err != nil || string(answer[:len(ok)]) != ok {
			b.Error(err, string(answer[:n]))
		}
	}
}

func (j *joined) measure(b *testing.B, clients, entry int) {
	var calls []func()
	for range clients {
		calls = append(calls, j.caller(b, entry))
	}
	took := make([]time.Duration, b.N)
	var next atomic.Int64
	each := func(most int, then func(i int, took time.Duration)) {
		var all sync.WaitGroup
		next.Store(0)
		for _, call := range calls {
			all.Go(func() {
				for i := int(next.Add(1)); i <= most; i = int(next.Add(1)) {
					began := time.Now()
					call()
					then(i-1, time.Since(began))
				}
			})
		}
		all.Wait()
	}
	each(1000, func(int, time.Duration) {})
	var before, after unix.Rusage
	must(b, unix.Getrusage(unix.RUSAGE_SELF, &before))
	b.ResetTimer()
	each(b.N, func(i int, d time.Duration) { took[i] = d })
	must(b, unix.Getrusage(unix.RUSAGE_SELF, &after))
	used := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-us")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-us")
	b.ReportMetric(float64(used.Microseconds())/float64(len(took)), "cpu-us/op")
}
