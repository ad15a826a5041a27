package backpressure

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

var loopback = netip.MustParseAddr("127.0.0.1")

func newLimits(t *testing.T, o Options, onSoft func(bool, int)) (*Limits, *Queue, *metrics.Set) {
	t.Helper()
	q, set := newQueue(t, o)
	l, err := NewLimits(o, q, onSoft, set)
	if err != nil {
		t.Fatal(err)
	}
	return l, q, set
}

func TestConnectionLimit(t *testing.T) {
	o := testOptions()
	o.MaxConnections, o.SoftConnections = 200, 150
	type event struct {
		exceeded    bool
		connections int
	}
	var events []event
	l, _, set := newLimits(t, o, func(exceeded bool, n int) { events = append(events, event{exceeded, n}) })
	for range 149 {
		expect(t, "open", l.Open(loopback), Accepted)
	}
	expect(t, "events at 149", len(events), 0)
	l.Open(loopback)
	expect(t, "event at 150", events[0], event{true, 150})
	expect(t, "soft gauge", series(t, set, "weir_connections_soft_exceeded"), "1")
	for range 50 {
		expect(t, "open", l.Open(loopback), Accepted)
	}
	expect(t, "the 201st", l.Open(loopback), ConnectionLimit)
	expect(t, "connections", series(t, set, "weir_connections"), "200")
	l.Close(loopback)
	expect(t, "after one closed", l.Open(loopback), Accepted)
	for range 57 {
		l.Close(loopback)
	}
	expect(t, "still exceeded at 143", len(events), 1)
	l.Close(loopback)
	expect(t, "event at 142", events[1], event{false, 142})
	expect(t, "soft gauge", series(t, set, "weir_connections_soft_exceeded"), "0")
	expect(t, "peak", series(t, set, "weir_connections_peak"), "200")
	expect(t, "accepted", series(t, set, "weir_connections_accepted_total"), "201")
}

func TestAddressLimit(t *testing.T) {
	o := testOptions()
	o.MaxConnectionsPerAddress = 2
	l, _, _ := newLimits(t, o, nil)
	mapped := netip.MustParseAddr("::ffff:127.0.0.1")
	other := netip.MustParseAddr("::1")
	expect(t, "first", l.Open(loopback), Accepted)
	expect(t, "second, as a mapped address", l.Open(mapped), Accepted)
	expect(t, "third", l.Open(loopback), ConnectionLimitPerAddress)
	expect(t, "third, mapped", l.Open(mapped), ConnectionLimitPerAddress)
	expect(t, "another address", l.Open(other), Accepted)
	for range 5 {
		expect(t, "unix socket", l.Open(netip.Addr{}), Accepted)
	}
	l.Close(loopback)
	expect(t, "after one closed", l.Open(loopback), Accepted)
	l.Close(mapped)
	l.Close(mapped)
	l.Close(other)
	for range 5 {
		l.Close(netip.Addr{})
	}
	expect(t, "addresses remembered", l.addresses.Len(), 0)
	expect(t, "connections", l.Connections(), 0)
	defer func() {
		if recover() == nil {
			t.Error("closing what is not open did not panic")
		}
	}()
	l.Close(other)
}

// The gate at its exact numbers: 400,000 waiting messages still open, one more shuts it, and it stays
// shut until fewer than 375,000 wait.
func TestQueuePressure(t *testing.T) {
	l, q, set := newLimits(t, testOptions(), nil)
	f := func(waiting int64, want Refusal) {
		t.Helper()
		for q.waiting.used.Load() < waiting {
			q.waiting.take(1)
		}
		q.waiting.give(q.waiting.used.Load() - waiting)
		expect(t, "open", l.Open(loopback), want)
	}
	f(0, Accepted)
	f(400_000, Accepted)
	f(400_001, QueuePressure)
	expect(t, "gauge", series(t, set, "weir_queue_pressure"), "1")
	f(400_000, QueuePressure)
	f(375_000, QueuePressure)
	f(374_999, Accepted)
	expect(t, "gauge", series(t, set, "weir_queue_pressure"), "0")
	f(400_000, Accepted)

	// A peak that nobody was connecting at counts too.
	q.waiting.take(1)
	f(390_000, QueuePressure)
	f(0, Accepted)

	// Bytes have the same gate.
	q.held.take(q.held.high + 1)
	f(0, QueuePressure)
	q.held.give(q.held.high + 1)
	f(0, Accepted)
}

// A gate that was written late, for an amount that is no longer true, corrects itself.
func TestPressureHealsItself(t *testing.T) {
	var b budget
	b.init("test", 100, 0.8, 0.75)
	b.shut.Store(true)
	expect(t, "empty and shut", b.pressed(), false)
	b.take(90)
	b.shut.Store(false)
	expect(t, "full and open", b.pressed(), true)
}

func TestDrainingRefusesConnections(t *testing.T) {
	l, q, _ := newLimits(t, testOptions(), nil)
	q.Drain(t.Context())
	expect(t, "open", l.Open(loopback), Draining)
}

func TestAcceptRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := testOptions()
		o.MaxAcceptRate = 300
		l, _, set := newLimits(t, o, nil)
		open := func(n int) (accepted int) {
			for range n {
				if l.Open(loopback) == Accepted {
					accepted++
				}
			}
			return accepted
		}
		expect(t, "of 400 at once", open(400), 300)
		expect(t, "refusal", l.Open(loopback), AcceptRate)
		elapse(100 * time.Millisecond)
		expect(t, "of 400 a tenth of a second later", open(400), 30)
		elapse(time.Hour)
		expect(t, "of 400 an hour later", open(400), 300)
		elapse(time.Second)
		expect(t, "gauge", series(t, set, "weir_connections_accept_rate"), "300")
	})
}

func TestPrincipalLimit(t *testing.T) {
	o := testOptions()
	o.MaxConnectionsPerPrincipal = 2
	l, _, _ := newLimits(t, o, nil)
	expect(t, "first", l.Join("alice"), Accepted)
	expect(t, "second", l.Join("alice"), Accepted)
	expect(t, "third", l.Join("alice"), ConnectionLimitPerPrincipal)
	expect(t, "another principal", l.Join("bob"), Accepted)
	l.Leave("alice")
	expect(t, "after one left", l.Join("alice"), Accepted)
	for _, principal := range []string{"alice", "alice", "bob"} {
		l.Leave(principal)
	}
	expect(t, "principals", l.principals.Len(), 0)

	off, _, _ := newLimits(t, testOptions(), nil)
	for range 100 {
		expect(t, "without a limit", off.Join("alice"), Accepted)
	}
	expect(t, "principals without a limit", off.principals.Len(), 0)
	off.Leave("alice")
}

// Many loops open and close at once: the limits hold exactly and nothing is left.
func TestLimitsConcurrently(t *testing.T) {
	o := testOptions()
	o.MaxConnections, o.SoftConnections, o.MaxConnectionsPerAddress = 50, 40, 30
	var soft atomic.Int32
	l, _, _ := newLimits(t, o, func(exceeded bool, _ int) {
		if exceeded {
			soft.Add(1)
		} else {
			soft.Add(-1)
		}
	})
	addrs := []netip.Addr{loopback, netip.MustParseAddr("10.0.0.1"), {}}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			var mine []netip.Addr
			for j := range 5000 {
				addr := addrs[(i+j)%len(addrs)]
				if j%3 != 0 && l.Open(addr) == Accepted {
					mine = append(mine, addr)
				} else if len(mine) > 0 {
					l.Close(mine[0])
					mine = mine[1:]
				}
			}
			for _, addr := range mine {
				l.Close(addr)
			}
		})
	}
	wg.Wait()
	expect(t, "connections", l.Connections(), 0)
	expect(t, "addresses", l.addresses.Len(), 0)
	expect(t, "soft limit events that were not undone", soft.Load(), 0)
	if peak := l.peak.Load(); peak > 50 {
		t.Errorf("%d were open", peak)
	}
}
