package cases

import (
	"fmt"
	"strconv"
	"time"

	"weir/loadtest/bench/harness"
	"weir/loadtest/bench/record"
	"weir/loadtest/client"
	"weir/loadtest/observe"
	"weir/loadtest/wire"
)

const (
	largeWarmUp = 300 * time.Millisecond
	largeWindow = time.Second // at most, of one size on one server
	largeRounds = 5           // at least: each compares all servers within seconds of each other
	largeAnswer = 21 << 20    // what the clients keep of an answer
	largeFactor = 1.2         // of the fastest, at most
	largeSmooth = 0.05        // milliseconds within which two answers are the same to a client
	largeLeast  = 5           // answers that make a median
	largePeriod = 20 * time.Millisecond
)

// LargeSizes are the results that are asked for, in bytes of text.
var LargeSizes = []int{10_000, 100_000, 1_000_000, 5_000_000, 20_000_000}

// largeEntrant is a server that large results are asked of, over one transport.
type largeEntrant struct {
	name      string
	process   *observe.Process
	address   string
	transport wire.Transport
}

// large asks one thing after another of servers that nobody else asks anything.
func large(e *harness.Env) (*record.Table, error) {
	t := &record.Table{Columns: []string{"server", "10 KB, ms", "100 KB, ms", "1 MB, ms", "5 MB, ms", "20 MB, ms"}}
	weir, err := e.Changing()
	if err != nil {
		return nil, err
	}
	all := []largeEntrant{{WeirName, weir.Process, weir.HTTP, wire.HTTP}}
	for _, name := range Entrants[1:3] {
		p, address, err := e.Peer(name)
		if err != nil {
			return nil, err
		}
		all = append(all, largeEntrant{name, p, address, wire.HTTP})
	}
	all = append(all, largeEntrant{"weir, ws", weir.Process, weir.HTTP, wire.WebSocket},
		largeEntrant{"weir, tcp", weir.Process, weir.TCP, wire.Line})
	for _, name := range harness.Balancers {
		p, address, err := e.Balancer(name, weir.HTTP)
		switch {
		case err != nil:
			return nil, err
		case address == "":
			t.Note("%s is not installed: no answer was taken through it", name)
		default:
			all = append(all, largeEntrant{"weir, " + name, p, address, wire.HTTP})
		}
	}
	for range max(largeRounds, e.Runs) {
		for _, size := range LargeSizes {
			for _, c := range all {
				if err := c.sample(e, t, size); err != nil {
					return nil, fmt.Errorf("%s, %d bytes: %w", c.name, size, err)
				}
			}
		}
	}
	for _, c := range all {
		cells := []string{c.name}
		for _, size := range LargeSizes {
			cells = append(cells, t.Text(largeKey(c.name, size)))
		}
		t.Row(cells...)
		e.Progress("%v ms", cells)
	}
	judgeLarge(t)
	t.Note("one client, one call at a time, the median of the answers in the window; the text is the same for all. "+
		"A difference below %v ms is none", largeSmooth)
	t.Note("through nginx and HAProxy, as docs/deploy has them, on the same cores: what is added is their work")
	t.Note("the loopback's round trip is microseconds: what is measured is the server's work and the client's, and " +
		"whether the kernel's buffers keep one waiting for the other")
	return t, nil
}

func largeKey(name string, size int) string { return name + " " + strconv.Itoa(size) }

// judgeLarge compares Weir with the fastest peer, and its other transports with its HTTP.
func judgeLarge(t *record.Table) {
	for _, size := range LargeSizes {
		ours := t.Median(largeKey(WeirName, size))
		fastest := min(t.Median(largeKey("mcp-go", size)), t.Median(largeKey("go-sdk", size)))
		t.AtMost(fmt.Sprintf("%s bytes, weir / fastest peer", record.Grouped(int64(size))),
			ours/(fastest+largeSmooth), largeFactor, "times")
		for _, other := range []string{"weir, ws", "weir, tcp"} { // a balancer's work is its own: no mark
			t.AtMost(fmt.Sprintf("%s bytes, %s / weir over http", record.Grouped(int64(size)), other),
				t.Median(largeKey(other, size))/(ours+largeSmooth), largeFactor, "times")
		}
	}
}

// sample takes the median of answers of one size.
func (c largeEntrant) sample(e *harness.Env, t *record.Table, size int) error {
	f, err := e.Open(1, func(o *client.Options) {
		o.Address, o.Transport, o.MaxAnswerBytes = c.address, c.transport, largeAnswer+1<<20
		o.Tool, o.Arguments = "large", fmt.Sprintf(`{"bytes":%d}`, size)
	})
	if err != nil {
		return err
	}
	defer e.CloseFleet(f)
	f.Start()
	if err := e.Sleep(min(largeWarmUp, e.Window())); err != nil {
		return err
	}
	f.ResetLatency()
	began := time.Now()
	err = e.Poll(largePeriod, floodTimeout, func() (bool, error) {
		return time.Since(began) >= min(largeWindow, e.Window()) && f.Counters().Latency.TotalCount() >= largeLeast, nil
	})
	if err != nil {
		return err
	}
	got := f.Counters()
	if bad := got.Lost + got.Bad + got.Errors + got.ToolErrors; bad > 0 {
		return fmt.Errorf("%d answers were lost, errors or bad", bad)
	}
	t.Sample(largeKey(c.name, size), float64(got.Latency.ValueAtQuantile(50))/1000)
	return e.Halt(f)
}
