package cases

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"weir/loadtest/bench/harness"
	"weir/loadtest/bench/record"
	"weir/loadtest/client"
	"weir/loadtest/observe"
	"weir/loadtest/wire"
)

const (
	peersConnections = 100
	peersWindow      = 2 * time.Second // at most
	peersRounds      = 2               // at most: three would not add much, and take a minute more

	sessionsStep   = 1000
	sessionsSteps  = 5
	sessionsMost   = 15_000
	sessionsSettle = 2 * time.Second
	sessionsOpen   = 30 * time.Second // for the way to sessionsMost; who needs longer has stopped there

	overloadConnections = 1000
	overloadFactor      = 2
	overloadBegin       = 500 // calls per second
	overloadBisections  = 3
)

// PeersRates are what all servers are offered alike, in calls per second.
var PeersRates = []float64{500, 2000, 5000}

// entrant is one server of a comparison that is started anew for it.
type entrant struct {
	name      string
	process   *observe.Process
	address   string
	transport wire.Transport
	// goroutines asks how many it has; nil where nobody can tell.
	goroutines func() (float64, error)
}

const (
	WeirName = "weir"
	echoName = "echo-epoll, tcp"
)

// Entrants are the servers by name, in the order of the tables. The bare echo is the limit of the machine, not a peer:
// it speaks no HTTP and knows no session.
var Entrants = []string{WeirName, "mcp-go", "go-sdk", echoName}

// enter starts one of them.
func enter(e *harness.Env, name string) (entrant, error) {
	switch name {
	case WeirName:
		s, err := e.Weir("log:\n  level: warn\n")
		if err != nil {
			return entrant{}, err
		}
		return entrant{name, s.Process, s.HTTP, wire.HTTP, func() (float64, error) {
			st, err := s.Status()
			return float64(st.Goroutines), err
		}}, nil
	case echoName:
		p, address, err := e.Peer("echo-epoll")
		return entrant{name, p, address, wire.Line, nil}, err
	}
	p, address, err := e.Peer(name)
	return entrant{name, p, address, wire.HTTP, func() (float64, error) {
		return askNumber("http://" + address +
			"/goroutines")
	}}, err
}

// askNumber gets a page that is one number.
func askNumber(url string) (float64, error) {
	answer, err := harness.AdminClient.Get(url)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 64))
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(strings.TrimSpace(string(text)), 64)
}

// sessions makes an entrant's fleet: sessions on kept connections, one call in flight on each.
func (c entrant) sessions(o *client.Options) {
	o.Address, o.Transport, o.Sources = c.address, c.transport, client.LoopbackSources(8)
}

// peersLatency offers all servers the same, in turns, while the others are idle.
func peersLatency(e *harness.Env) (*record.Table, error) {
	t := &record.Table{Columns: []string{"server", "offered, calls/s", "answered, calls/s", "p50, ms", "p95, ms",
		"p99, ms", "failed", "server's CPU per call, us"}}
	type running struct {
		entrant
		fleet *client.Fleet
	}
	var all []running
	for _, name := range Entrants {
		c, err := enter(e, name)
		if err != nil {
			return nil, err
		}
		f, err := e.Open(peersConnections, c.sessions)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, running{c, f})
	}
	for range min(e.Runs, peersRounds) {
		for _, rate := range PeersRates {
			for _, c := range all {
				got, err := e.Offer(c.process, c.fleet, rate, min(e.Window(), peersWindow))
				if err != nil {
					return nil, err
				}
				e.Progress("%s: %s/s offered, %s/s answered, p50 %s ms, p99 %s ms, %s us of CPU per call", c.name,
					record.Number(rate), record.Number(got.Answered),
					record.Number(got.P50), record.Number(got.P99), record.Number(got.MicrosPerCall(got.Server)))
				harness.SampleStep(t, At(c.name, rate), got)
			}
		}
	}
	for _, rate := range PeersRates {
		for _, c := range all {
			key := At(c.name, rate)
			t.Row(c.name, record.Number(rate), t.Text(key+" answered/s"), t.Text(key+" p50 ms"), t.Text(key+" p95 ms"),
				t.Text(key+" p99 ms"),
				t.Text(key+" failed"), t.Text(key+" server us"))
		}
		t.AtMost(fmt.Sprintf("failed, weir at %s/s", record.Number(rate)), t.Median(At(WeirName, rate)+" failed"), 0, "calls")
	}
	t.Note("%d connections, sessions of 2025-11-25 over HTTP, one call in flight on each; open load, latency from the "+
		"plan", peersConnections)
	t.Note("%s is the limit of the machine and no peer: lines over TCP, no JSON, no session", echoName)
	t.Note("a server that answers less than it is offered is beyond its ceiling there, and its latency grows for as " +
		"long as one asks")
	return t, nil
}

// At names what was measured of a server at a rate.
func At(name string, rate float64) string { return fmt.Sprintf("%s at %.0f", name, rate) }

// peersMemory weighs sessions: a few thousand in steps, then as many as 15,000.
func peersMemory(e *harness.Env) (*record.Table, error) {
	t := &record.Table{Columns: []string{"server", "resident bytes per session", "R²", "goroutines per session",
		"sessions at the end", "RSS then, MiB",
		"goroutines then", "stopped by"}}
	for _, name := range Entrants[:3] {
		c, err := enter(e, name)
		if err != nil {
			return nil, err
		}
		stopped, err := weighSessions(e, t, c)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		e.StopAll()
		e.Progress("%s: %s bytes and %s goroutines per session; %s MiB at %s sessions", name, t.Text(name+" bytes"),
			t.Text(name+" goroutines"),
			t.Text(name+" last MiB"), t.Text(name+" last sessions"))
		t.Row(name, t.Text(name+" bytes"), strconv.FormatFloat(t.Median(name+" r2"), 'f', 4, 64), t.Text(name+" goroutines"),
			t.Text(name+" last sessions"), t.Text(name+" last MiB"), t.Text(name+" last goroutines"), stopped)
	}
	most := float64(e.Scaled(sessionsMost))
	t.AtLeast("sessions, weir", t.Median("weir last sessions"), most, "sessions")
	t.AtMost("resident per session, weir / mcp-go", t.Median("weir bytes")/t.Median("mcp-go bytes"), 0.2, "(one fifth)")
	t.AtMost("resident per session, weir / go-sdk", t.Median("weir bytes")/t.Median("go-sdk bytes"), 0.2, "(one fifth)")
	t.Note("HTTP, sessions of 2025-11-25 on kept connections, each initialised and then one call: %d to %d in %d steps, "+
		"then %.0f, and a line through all",
		e.Scaled(sessionsStep), e.Scaled(sessionsStep)*sessionsSteps, sessionsSteps, most)
	t.Note("one run; RSS holds whatever garbage the collector has not returned yet, and is read %v after the last opening",
		sessionsSettle)
	return t, nil
}

// weighSessions opens an entrant's sessions; stopped says why there are not as many as were asked for.
func weighSessions(e *harness.Env, t *record.Table, c entrant) (stopped string, err error) {
	stopped = "nothing"
	f, err := e.Fleet(func(o *client.Options) {
		c.sessions(o)
		o.CallsPerConnection = 1
	})
	if err != nil {
		return "", err
	}
	f.Start()
	step := e.Scaled(sessionsStep)
	var counts, resident, goroutines []float64
	look := func() error {
		if err := e.Sleep(sessionsSettle); err != nil {
			return err
		}
		m, err := c.process.Memory()
		if err != nil {
			return err
		}
		g, err := c.goroutines()
		if err != nil {
			return err
		}
		counts = append(counts, float64(f.Counters().Open))
		resident, goroutines = append(resident, float64(m.ResidentBytes)), append(goroutines, g)
		return nil
	}
	for range sessionsSteps {
		if err := openAndCall(e, f, step); err != nil {
			return "", err
		}
		if err := look(); err != nil {
			return "", err
		}
	}
	ctx, cancel := context.WithTimeout(e.Ctx, sessionsOpen)
	defer cancel()
	if err := f.Open(ctx, e.Scaled(sessionsMost)-step*sessionsSteps); err != nil {
		stopped = fmt.Sprintf("%.200v", err)
	}
	_ = f.Done(ctx) // whose call is not answered by then is open all the same
	if err := look(); err != nil {
		return "", err
	}
	bytes, r2 := record.Slope(counts, resident)
	each, _ := record.Slope(counts, goroutines)
	t.Sample(c.name+" bytes", bytes)
	t.Sample(c.name+" r2", r2)
	t.Sample(c.name+" goroutines", each)
	last := len(counts) - 1
	t.Sample(c.name+" last sessions", counts[last])
	t.Sample(c.name+" last MiB", resident[last]/(1<<20))
	t.Sample(c.name+" last goroutines", goroutines[last])
	return stopped, e.Ctx.Err()
}

// peersOverload finds the ceiling of each server, and offers it twice that.
func peersOverload(e *harness.Env) (*record.Table, error) {
	t := &record.Table{Columns: []string{"server", "ceiling, calls/s", "offered, calls/s", "goodput, calls/s",
		"of the ceiling", "p99 of the good, ms",
		"of that from the write, ms", "failed or refused", "peak RSS, MiB"}}
	for _, name := range Entrants[:3] {
		c, err := enter(e, name)
		if err != nil {
			return nil, err
		}
		if err := overloadOf(e, t, c); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		e.StopAll()
		t.Row(name, t.Text(name+" ceiling"), t.Text(name+" offered"), t.Text(name+" answered/s"), t.Text(name+" share"),
			t.Text(name+" p99 ms"),
			t.Text(name+" service p99 ms"), t.Text(name+" failed"), t.Text(name+" peak MiB"))
	}
	t.AtLeast("goodput at twice the ceiling, weir", t.Median("weir share"), 0.7, "of the ceiling")
	t.AtMost("lost or unanswered, weir", t.Median("weir lost"), 0, "calls")
	t.Note("%d sessions over HTTP, one call in flight on each; the ceiling as in the question of that name, to %d "+
		"bisections", e.Scaled(overloadConnections),
		overloadBisections)
	t.Note("what a client cannot send yet waits with the client, and its latency counts from the plan; the next column " +
		"counts from the write")
	return t, nil
}

func overloadOf(e *harness.Env, t *record.Table, c entrant) error {
	climb := &climb{e: e, name: c.name, process: c.process, n: e.Scaled(overloadConnections),
		options: func(o *client.Options) {
			c.sessions(o)
			o.Tick = harness.OpenTick
		}}
	ceiling, err := climb.find(overloadBegin, overloadBisections)
	if err != nil {
		return err
	}
	before := climb.fleet.Counters()
	got, _, err := climb.once(overloadFactor*ceiling, e.Window())
	if err != nil {
		return err
	}
	m, err := c.process.Memory()
	if err != nil {
		return err
	}
	after := climb.fleet.Counters()
	harness.SampleStep(t, c.name, got)
	t.Sample(c.name+" ceiling", ceiling)
	t.Sample(c.name+" offered", overloadFactor*ceiling)
	t.Sample(c.name+" share", got.Answered/ceiling)
	t.Sample(c.name+" service p99 ms", got.Service)
	t.Sample(c.name+" lost", float64(after.Lost-before.Lost+after.InFlight))
	t.Sample(c.name+" peak MiB", float64(m.PeakBytes)/(1<<20))
	return nil
}
