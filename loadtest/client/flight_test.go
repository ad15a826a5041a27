package client

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/loadtest/internal/fixture"
	"weir/loadtest/pacing"
	"weir/loadtest/wire"
)

// A call that is refused is sent again, so many times and no more, and counts in the plan once.
func TestRefusedCallsComeAgain(t *testing.T) {
	for _, transport := range []wire.Transport{wire.Line, wire.HTTP} {
		const calls, retries = 20, 3
		var mu sync.Mutex
		n := 0
		refuse := func(line string) string {
			if !strings.Contains(line, `"method":"tools/call"`) {
				return fixture.Echo(line)
			}
			mu.Lock()
			defer mu.Unlock()
			if n++; n%10 == 0 { // one attempt in ten is answered
				return fixture.Echo(line)
			}
			return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32603,"message":"Server overloaded",`+
				`"data":{"reason":"expected_wait","retryAfterMs":1,"executed":false}}}`+"\n", fixture.ID(line))
		}
		f := testFleet(t, func(o *Options) {
			o.Transport, o.Exact, o.Retries, o.CallsPerConnection = transport, true, retries, 0
			if transport == wire.HTTP {
				o.Era, o.Address = wire.Modern, fixture.HTTPServer(t, func(r *fixture.Request) string {
					return fixture.Reply("200 OK", "Content-Type: application/json\r\n", refuse(r.Text))
				})
			} else {
				o.Window, o.Address = 100, fixture.LineServer(t, "tcp", refuse)
			}
		})
		ctx := fixture.Within(t)
		if err := f.Open(ctx, 2); err != nil {
			t.Fatal(err)
		}
		each := pacing.Segment{Length: 100 * time.Millisecond, From: 5 * calls, To: 5 * calls} // of two connections
		f.StartPlan(pacing.NewPlan(each), time.Now().Add(100*time.Millisecond))
		done := func(c *Counters) bool { return c.InFlight == 0 && c.Planned >= calls }
		c := f.Counters()
		for ; !done(&c); c = f.Counters() {
			if ctx.Err() != nil {
				t.Fatalf("%v: %+v", transport, c)
			}
		}
		if err := f.Stop(ctx); err != nil {
			t.Fatal(err)
		}
		c = f.Counters()
		if err := c.Check(); err != nil {
			t.Fatal(err)
		}
		// Whoever had no luck has tried four times, and what is answered has fewer refusals before it. The last call of the
		// plan, by which it is more than was counted on, may have come so late that it was not sent again.
		most := c.Planned * (retries + 1)
		if c.Results == 0 || c.Refused > most-c.Results || c.Refused+c.Results*(retries+1) < most-retries {
			t.Errorf("%v: %d results, %d refused, of %d calls", transport, c.Results, c.Refused, c.Planned)
		}
		if n := uint64(c.Told.TotalCount()); n != c.Refused || uint64(c.Service.TotalCount()) != c.Results {
			t.Errorf("%v: the times of %d refusals and %d results, of %d and %d", transport, n, c.Service.TotalCount(),
				c.Refused, c.Results)
		}
	}
}

// What a call waits for the generator, before its write and behind its answer's arrival, is not the server's.
func TestExactTimes(t *testing.T) {
	o := DefaultOptions()
	o.Exact = true
	at := func(ms int) time.Duration { return time.Duration(ms) * time.Millisecond }
	for how, whose := range map[wire.Outcome]func(*Counters) (whole, servers int64){
		wire.OutcomeResult:  func(c *Counters) (int64, int64) { return c.Latency.Max(), c.Service.Max() },
		wire.OutcomeRefused: func(c *Counters) (int64, int64) { return c.Refusal.Max(), c.Told.Max() },
	} {
		l := &loop{opts: &o, stats: NewCounters(), now: at(600), arrival: at(300)}
		c := &connection{flights: flights{first: 7, all: []flight{
			{due: at(0), written: at(100), over: true}, {due: at(50), written: at(100)}, {due: at(60), written: at(100)}}}}
		l.landed(c, 8, how)
		whole, servers := whose(&l.stats)
		if near(whole, 550_000) && near(servers, 200_000) && c.flights.first == 9 && len(c.flights.all) == 1 {
			continue
		}
		t.Errorf("%v: %d us, of them the server's %d; %+v", how, whole, servers, c.flights)
	}
}

// near says whether a histogram's value is so many microseconds.
func near(got, want int64) bool { return got >= want && got <= want+want/100 }
