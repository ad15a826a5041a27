package client

import (
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/loadtest/internal/fixture"
	"weir/loadtest/pacing"
	"weir/loadtest/wire"
)

func testFleet(t *testing.T, change func(*Options)) *Fleet {
	t.Helper()
	o := DefaultOptions()
	change(&o)
	f, err := NewFleet(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

func TestFleetAddsUp(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		for _, window := range []int{1, 2, 7, 64, 1000} {
			address := fixture.LineServer(t, network, fixture.Echo)
			f := testFleet(t, func(o *Options) {
				o.Network, o.Address, o.Window, o.Loops, o.CallsPerConnection = network, address, window, 2, 1000
			})
			ctx := fixture.Within(t)
			if err := f.Open(ctx, 9); err != nil {
				t.Fatal(err)
			}
			f.Start()
			if err := f.Done(ctx); err != nil {
				t.Fatalf("%s window %d: %v: %+v", network, window, err, f.Counters())
			}
			c := f.Counters()
			if err := c.Check(); err != nil || c.Results != 9*1000 || c.Open != 9 || c.Latency.TotalCount() == 0 {
				t.Errorf("%s window %d: %v: %+v", network, window, err, c)
			}
		}
	}
}

func TestFleetStops(t *testing.T) {
	address := fixture.LineServer(t, "tcp", fixture.Echo)
	f := testFleet(t, func(o *Options) { o.Address, o.Window = address, 10 })
	ctx := fixture.Within(t)
	if err := f.Open(ctx, 5); err != nil {
		t.Fatal(err)
	}
	for range 3 { // a fleet can be started and stopped again, as interleaved measurements do
		before := f.Counters().Results
		f.Start()
		for f.Counters().Results == before {
			runtime.Gosched()
		}
		if err := f.Stop(ctx); err != nil {
			t.Fatal(err)
		}
		if c := f.Counters(); c.Check() != nil || c.InFlight != 0 {
			t.Fatalf("%v: %+v", c.Check(), c)
		}
	}
}

func TestFleetSeesWhatIsWrong(t *testing.T) {
	f := func(name string, answer func(string) string, want func(*Counters) bool) {
		t.Helper()
		address := fixture.LineServer(t, "tcp", func(line string) string {
			if strings.Contains(line, `"method":"tools/call"`) {
				return answer(line)
			}
			return fixture.Echo(line)
		})
		fleet := testFleet(t, func(o *Options) { o.Address, o.CallsPerConnection = address, 2 })
		ctx := fixture.Within(t)
		if err := fleet.Open(ctx, 1); err != nil {
			t.Fatal(err)
		}
		fleet.Start()
		if err := fleet.Done(ctx); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if c := fleet.Counters(); !want(&c) {
			t.Errorf("%s: %+v", name, c)
		}
	}
	refusal := func(id string) string {
		return `{"jsonrpc":"2.0","id":` + id +
			`,"error":{"code":-32603,"message":"Server overloaded","data":{"reason":"queue_full","retryAfterMs":7}}}` + "\n"
	}
	bad := func(c *Counters) bool {
		return c.Check() != nil && c.Ended[EndBadAnswer] == 1 && c.Open == 0 && c.Lost == 1
	}
	f("refused", func(line string) string { return refusal(fixture.ID(line)) }, func(c *Counters) bool {
		return c.Check() == nil && c.Refused == 2 && c.Reasons["queue_full"] == 2
	})
	f("error", func(line string) string {
		return wire.MessagePrefix + fixture.ID(line) + `,"error":{"code":-32602,"message":"unknown tool"}}` + "\n"
	}, func(c *Counters) bool { return c.Check() == nil && c.Errors == 2 && c.Reasons["unknown tool"] == 2 })
	f("tool error", func(line string) string {
		return wire.MessagePrefix + fixture.ID(line) + `,"result":{"content":[],"isError":true}}` + "\n"
	}, func(c *Counters) bool { return c.Check() == nil && c.ToolErrors == 2 })
	f("notice", func(line string) string {
		return `{"jsonrpc":"2.0","method":"notifications/x"}` + "\n" + fixture.Echo(line)
	},
		func(c *Counters) bool { return c.Check() == nil && c.Results == 2 && c.Notices == 2 })
	f("turned away", func(string) string { return refusal("null") }, func(c *Counters) bool {
		return c.TurnedAwayReasons["queue_full"] == 1 && c.Ended[EndRefused] == 1 && c.Lost == 1
	})
	f("hung up", func(string) string { return fixture.HangUp }, func(c *Counters) bool {
		return c.Ended[EndPeerClosed] == 1 && c.Lost == 1 && c.Check() != nil
	})
	f("another id", func(string) string { return fixture.Echo(wire.MessagePrefix + "1000000000") }, bad)
	f("an id never sent", func(string) string { return fixture.Echo(wire.MessagePrefix + "1000000009") }, bad)
	f("not JSON", func(string) string { return "{\n" }, bad)
	f("no id", func(string) string { return `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}` + "\n" },
		bad)
}

func TestFleetIsTurnedAway(t *testing.T) {
	const refusal = `{"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":"full",` +
		`"data":{"reason":"connection_limit"}}}`
	address := fixture.LineServer(t, "tcp", func(string) string { return refusal + "\n" })
	f := testFleet(t, func(o *Options) { o.Address = address })
	err := f.Open(fixture.Within(t), 3)
	if c := f.Counters(); err == nil || c.TurnedAwayReasons["connection_limit"] != 3 || c.Ended[EndRefused] != 3 {
		t.Errorf("%v: %+v", err, c)
	}
}

func TestFleetReopens(t *testing.T) {
	address := fixture.LineServer(t, "tcp", func(line string) string {
		if strings.Contains(line, `"method":"tools/call"`) {
			return fixture.HangUp
		}
		return fixture.Echo(line)
	})
	f := testFleet(t, func(o *Options) { o.Address, o.Reopen, o.Opening = address, true, wire.OpenPing })
	f.Start()
	f.Launch(2)
	for f.Counters().Opened < 10 {
		runtime.Gosched()
	}
}

// A deaf client's calls are counted when the kernel takes them, and what it takes is bounded by the buffers.
func TestDeafFleetBlocks(t *testing.T) {
	release := make(chan struct{})
	address := fixture.LineServer(t, "tcp", func(line string) string {
		if strings.Contains(line, `"method":"tools/call"`) {
			<-release
			return fixture.HangUp
		}
		return fixture.Echo(line)
	})
	f := testFleet(t, func(o *Options) {
		o.Address, o.NeverRead, o.Window, o.PadBytes, o.SendBufferBytes = address, true, 1<<20, 1<<10, 8<<10
	})
	ctx := fixture.Within(t)
	if err := f.Open(ctx, 1); err != nil {
		t.Fatal(err)
	}
	f.Start()
	blocked := func(l *loop) bool {
		for _, c := range l.connections {
			if c != nil && c.events&4 == 0 { // EPOLLOUT
				return false
			}
		}
		return l.stats.Sent > 0
	}
	if err := f.await(ctx, blocked); err != nil {
		t.Fatal(err)
	}
	close(release)
	if err := f.await(ctx, func(l *loop) bool { return l.stats.Open == 0 }); err != nil {
		t.Fatal(err)
	}
	c := f.Counters()
	if size := uint64(len(f.loops[0].call.Bytes)); c.BytesSent > c.Sent*size+2000 || c.BytesSent+size < c.Sent*size {
		t.Errorf("%d bytes for %d calls of %d", c.BytesSent, c.Sent, size)
	}
	if c.Lost != c.Sent || c.Ended[EndPeerClosed]+c.Ended[EndPeerReset] != 1 {
		t.Errorf("%+v", c)
	}
}

func TestOpenLoadKeepsThePlan(t *testing.T) {
	address := fixture.LineServer(t, "tcp", fixture.Echo)
	f := testFleet(t, func(o *Options) { o.Address, o.RatePerSecond, o.CallsPerConnection = address, 20_000, 100 })
	ctx := fixture.Within(t)
	if err := f.Open(ctx, 4); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	f.Start()
	if err := f.Done(ctx); err != nil {
		t.Fatal(err)
	}
	took := time.Since(begin)
	c := f.Counters()
	if err := c.Check(); err != nil || c.Results != 400 || c.Latency.TotalCount() != 400 {
		t.Errorf("%v: %+v", err, c)
	}
	if took < 399*time.Second/20_000 { // 400 calls 50 us apart cannot be over sooner, however fast the server
		t.Errorf("400 calls at 20,000 per second took %v", took)
	}
}

// A generator that is far behind its plan still answers whoever asks it how it goes, and counts whom it has served.
func TestFleetBehindItsPlan(t *testing.T) {
	const connections = 5 * plannedPerTurn
	address := fixture.LineServer(t, "tcp", fixture.Echo)
	f := testFleet(t, func(o *Options) { o.Address = address })
	ctx := fixture.Within(t)
	if err := f.Open(ctx, connections); err != nil {
		t.Fatal(err)
	}
	if c := f.Counters(); c.Served != 0 {
		t.Errorf("%d connections are served before the first call", c.Served)
	}
	asks := make(chan struct{})
	turn, ask := make(chan uint64, 1), sync.OnceFunc(func() { close(asks) })
	go func() {
		var sent uint64
		_ = f.await(ctx, func(l *loop) bool { ask(); sent = l.stats.Sent; return sent > 0 })
		turn <- sent
	}()
	<-asks
	f.StartPlan(pacing.NewPlan(pacing.Segment{Length: time.Hour, From: 1, To: 1}), time.Now().Add(-2*time.Second)) // all are due at once
	if sent := <-turn; sent == 0 || sent > 2*plannedPerTurn {
		t.Errorf("%d connections sent before anybody could ask", sent)
	}
	if err := f.await(ctx, func(l *loop) bool { return l.stats.Served == connections }); err != nil {
		t.Fatalf("%v: %+v", err, f.Counters())
	}
	f.Hold(1)
	if err := f.await(ctx, func(l *loop) bool { return l.stats.Open == 1 && l.stats.Served == 1 }); err != nil {
		t.Errorf("%v: %+v", err, f.Counters())
	}
}
