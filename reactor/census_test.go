package reactor

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/backpressure"
	"weir/reactor/census"
	"weir/reactor/loop"
	"weir/registry"
)

func (s *server) list(q census.Query) census.Page {
	s.t.Helper()
	page, err := s.Census().List(q)
	must(s.t, err)
	if page.Missing > 0 {
		s.t.Fatalf("%d loops did not answer", page.Missing)
	}
	return page
}

// TestCensus: what each connection is, and what each filter leaves.
func TestCensus(t *testing.T) {
	s := start(t, guarded, withSSE, onUnix(t.TempDir()+"/s"))
	line := s.dial("tcp")
	line.send(bearing("alice") + "\n")
	line.greet()
	line.send(toolCall("1", "stuck", `{}`) + toolCall("2", "stuck", `{}`))
	s.awaitStuck()
	s.awaitStuck()
	s.dial("http").sse(bearing("bob"))
	s.dial("unix").send(`{"jsonrpc":"2.0",`)
	socket := s.dial("http")
	socket.send("GET /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" + bearing("bob") +
		"\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	if r, err := socket.readHead(); err != nil || r.StatusCode != 101 {
		t.Fatal(r, err)
	}
	big := s.dial("http")
	big.send("POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 90000\r\n" +
		"Accept: application/json, text/event-stream\r\n" + bearing("alice") + "\r\n\r\n" + strings.Repeat(" ", 50_000))
	for _, p := range []*peer{line, big} {
		p.t = t
	}
	s.eventually("all are there, and say what was sent", func() bool {
		return len(s.list(census.Query{Rows: 9, MinBytes: 50_000}).Rows) == 1 && s.list(census.Query{}).Open == 5
	})
	f := func(q census.Query, want ...string) {
		t.Helper()
		if q.Rows = census.MaxRows; len(want) > 1 {
			q.Order = census.ByInFlight
		}
		page := s.list(q)
		got := map[string]bool{}
		for _, r := range page.Rows {
			got[strings.TrimSpace(r.Transport+" "+r.Principal)] = true
		}
		for _, w := range want {
			if !got[w] {
				t.Errorf("%+v: no %q in %v", q, w, got)
			}
		}
		if len(page.Rows) != len(want) || page.Matched != len(want) || page.Open != 5 || page.Next != nil {
			t.Errorf("%+v: %+v, want %q", q, page, want)
		}
	}
	f(census.Query{}, "tcp alice", "http_sse bob", "unix", "websocket bob", "http alice")
	f(census.Query{Transport: "unix"}, "unix")
	f(census.Query{Principal: "bob"}, "http_sse bob", "websocket bob")
	f(census.Query{Principal: "nobody"})
	f(census.Query{MinBytes: 50_000}, "http alice")
	f(census.Query{MinInFlight: 2}, "tcp alice")
	f(census.Query{MinAge: time.Hour})
	f(census.Query{MinSilence: time.Hour})
	f(census.Query{Peer: netip.MustParsePrefix("127.0.0.0/8")}, "tcp alice", "http_sse bob", "websocket bob", "http alice")
	f(census.Query{Peer: netip.MustParsePrefix("10.0.0.0/8")})
	row := s.list(census.Query{Transport: "tcp"}).Rows[0]
	if row.Peer != line.LocalAddr().String() || row.InFlight != 2 || row.Age > time.Hour || row.Age < 0 {
		t.Errorf("the line of alice is %+v", row)
	}
	for _, kind := range []string{"http", "websocket", "http_sse", "tcp", "unix"} {
		if got := s.metric(`weir_transport_connections{transport="` + kind + `"}`); got != "1" {
			t.Errorf("%s connections of %s", got, kind)
		}
	}
	for was := true; was; { // the second kick of a connection finds none
		var err error
		was, err = s.Census().Kick(row.ID)
		must(t, err)
		if open := s.list(census.Query{}).Open; open != 4 {
			t.Errorf("%d are left", open)
		}
	}
	line.gone()
	s.closedFor(loop.CloseKicked, "1")
	if was, err := s.Census().Kick(loop.ID{Loop: 7}); was || err != nil {
		t.Error(was, err)
	}
	if got := s.metric(`weir_transport_connections{transport="tcp"}`); got != "0" {
		t.Errorf("%s lines are left", got)
	}
}

// TestCensusPages: in each order every connection is on one page, whatever comes and goes between the looks.
func TestCensusPages(t *testing.T) {
	s := start(t)
	const n = 50
	for range n {
		s.dial("tcp").answers()
	}
	for order := range census.Orders() {
		seen := map[loop.ID]bool{}
		q := census.Query{Order: census.Order(order), Rows: 7}
		last := int64(1) << 62
		for pages := 0; ; pages++ {
			page := s.list(q)
			for _, r := range page.Rows {
				if seen[r.ID] || r.Key > last {
					t.Fatalf("%s: %+v comes twice, or late", census.Orders()[order], r)
				}
				seen[r.ID], last = true, r.Key
			}
			if page.Matched != n || len(page.Rows) > q.Rows || pages > n {
				t.Fatalf("%s: %d of %d matched, page %d", census.Orders()[order], len(page.Rows), page.Matched, pages)
			}
			if q.After = page.Next; q.After == nil {
				break
			}
		}
		if len(seen) != n {
			t.Errorf("%s: %d of %d were seen", census.Orders()[order], len(seen), n)
		}
	}
}

// TestLoopsSayHowBusy: a loop that works is busy for as long, at most, and one that waits is not.
func TestLoopsSayHowBusy(t *testing.T) {
	s := start(t, func(o *Options, _ *backpressure.Options, _ *registry.Options) { o.Loops = 1 })
	series := `weir_loop_busy_seconds_total{loop="0"}`
	began := time.Now()
	before := s.number(series)
	for range 20 {
		s.dial("tcp").answers()
	}
	worked, took := s.number(series)-before, time.Since(began).Seconds()
	if worked <= 0 || worked > took {
		t.Errorf("busy for %v s in %v s", worked, took)
	}
}

func (s *server) number(series string) (v float64) {
	if _, err := fmt.Sscan(s.metric(series), &v); err != nil {
		s.t.Fatal(series, err)
	}
	return v
}

// BenchmarkCensus is a census of WEIR_CENSUS connections (1,000 unless it is set), which wait.
func BenchmarkCensus(b *testing.B) {
	n := 1000
	_, _ = fmt.Sscan(os.Getenv("WEIR_CENSUS"), &n)
	s := start(b, func(_ *Options, q *backpressure.Options, _ *registry.Options) { q.MaxConnections = n + 10 })
	for range n {
		c, err := net.Dial("tcp", s.Addrs()["tcp"])
		must(b, err)
		b.Cleanup(func() { c.Close() })
	}
	s.eventually("they are open", func() bool { return s.Connections() == int64(n) })
	for _, order := range []census.Order{census.ByAge, census.ByBytes} {
		b.Run(census.Orders()[order], func(b *testing.B) {
			runtime.GC()
			for b.Loop() {
				s.list(census.Query{Order: order, Rows: 50})
			}
		})
	}
}

// BenchmarkCallsBesideCensus is a ping on a loop that holds WEIR_CENSUS connections, without and beside lists that are
// made one after the other.
func BenchmarkCallsBesideCensus(b *testing.B) {
	n := 1000
	_, _ = fmt.Sscan(os.Getenv("WEIR_CENSUS"), &n)
	s := start(b, func(o *Options, q *backpressure.Options, _ *registry.Options) {
		o.Loops, q.MaxConnections, o.FirstByteTimeout = 1, n+10, time.Hour
	})
	for range n {
		c, err := net.Dial("tcp", s.Addrs()["tcp"])
		must(b, err)
		b.Cleanup(func() { c.Close() })
	}
	p := s.dial("tcp")
	s.eventually("they are open", func() bool { return s.Connections() == int64(n+1) })
	for _, order := range []string{"none", "age", "bytes"} {
		b.Run(order, func(b *testing.B) {
			stop, lists := make(chan struct{}), sync.WaitGroup{}
			if by, known := census.OrderOf(order); known {
				lists.Go(func() {
					for {
						select {
						case <-stop:
							return
						case <-time.After(100 * time.Millisecond): // twenty times as often as the page
							_, _ = s.Census().List(census.Query{Order: by, Rows: 50})
						}
					}
				})
			}
			took := []time.Duration{}
			for b.Loop() {
				began := time.Now()
				p.answers()
				took = append(took, time.Since(began))
				time.Sleep(100 * time.Microsecond)
			}
			close(stop)
			lists.Wait()
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-us")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-us")
			b.ReportMetric(float64(took[len(took)*999/1000].Microseconds()), "p999-us")
		})
	}
}

// TestCensusLeavesMountsOut: a mount's connection turns on a loop beside those of clients, and is none of them.
func TestCensusLeavesMountsOut(t *testing.T) {
	s, p := mounted(t, nil)
	p.greet(toolA)
	c := up(t, s, 1)
	page := s.list(census.Query{Rows: 9})
	if len(page.Rows) != 1 || page.Open != 1 || page.Rows[0].Peer != c.conn.LocalAddr().String() {
		t.Fatalf("%+v, want the one client", page)
	}
	for n := range 16 * 16 * 16 { // wherever the mount's is
		id := loop.ID{Loop: uint32(n / 256), Slot: uint32(n / 16 % 16), Generation: uint32(n % 16)}
		if was, err := s.Census().Kick(id); id != page.Rows[0].ID && (was || err != nil) {
			t.Errorf("%v is ended: %v, %v", id, was, err)
		}
	}
	if n := s.metric(`weir_mount_ended_total{mount="m",reason="closed"}`); n != "0" {
		t.Errorf("the mount was ended %s times", n)
	}
}
