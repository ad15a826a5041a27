package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

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

// peersRates are what all servers are offered alike, in calls per second.
var peersRates = []float64{500, 2000, 5000}

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
	weirName = "weir"
	echoName = "echo-epoll, tcp"
)

// entrants are the servers by name, in the order of the tables. The bare echo is the limit of the machine, not a peer: it speaks
// no HTTP and knows no session.
var entrants = []string{weirName, "mcp-go", "go-sdk", echoName}

// enter starts one of them.
func (e *env) enter(name string) (entrant, error) {
	switch name {
	case weirName:
		s, err := e.weir("log:\n  level: warn\n")
		if err != nil {
			return entrant{}, err
		}
		return entrant{name, s.Process, s.http, wire.HTTP, func() (float64, error) {
			st, err := s.status()
			return float64(st.Goroutines), err
		}}, nil
	case echoName:
		p, address, err := e.peer("echo-epoll")
		return entrant{name, p, address, wire.Line, nil}, err
	}
	p, address, err := e.peer(name)
	return entrant{name, p, address, wire.HTTP, func() (float64, error) { return askNumber("http://" + address + "/goroutines") }}, err
}

// askNumber gets a page that is one number.
func askNumber(url string) (float64, error) {
	answer, err := adminClient.Get(url)
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
func peersLatency(e *env) (*table, error) {
	t := &table{Columns: []string{"server", "offered, calls/s", "answered, calls/s", "p50, ms", "p95, ms", "p99, ms", "failed", "server's CPU per call, us"}}
	type running struct {
		entrant
		fleet *client.Fleet
	}
	var all []running
	for _, name := range entrants {
		c, err := e.enter(name)
		if err != nil {
			return nil, err
		}
		f, err := e.open(peersConnections, c.sessions)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, running{c, f})
	}
	for range min(e.runs, peersRounds) {
		for _, rate := range peersRates {
			for _, c := range all {
				got, err := e.offer(c.process, c.fleet, rate, min(e.window(), peersWindow))
				if err != nil {
					return nil, err
				}
				e.progress("%s: %s/s offered, %s/s answered, p50 %s ms, p99 %s ms, %s us of CPU per call", c.name, number(rate), number(got.answered),
					number(got.p50), number(got.p99), number(got.microsPerCall(got.server)))
				t.sampleStep(at(c.name, rate), got)
			}
		}
	}
	for _, rate := range peersRates {
		for _, c := range all {
			key := at(c.name, rate)
			t.row(c.name, number(rate), t.text(key+" answered/s"), t.text(key+" p50 ms"), t.text(key+" p95 ms"), t.text(key+" p99 ms"),
				t.text(key+" failed"), t.text(key+" server us"))
		}
		t.atMost(fmt.Sprintf("failed, weir at %s/s", number(rate)), t.median(at(weirName, rate)+" failed"), 0, "calls")
	}
	t.note("%d connections, sessions of 2025-11-25 over HTTP, one call in flight on each; open load, latency from the plan", peersConnections)
	t.note("%s is the limit of the machine and no peer: lines over TCP, no JSON, no session", echoName)
	t.note("a server that answers less than it is offered is beyond its ceiling there, and its latency grows for as long as one asks")
	return t, nil
}

func at(name string, rate float64) string { return fmt.Sprintf("%s at %.0f", name, rate) }

// peersMemory weighs sessions: a few thousand in steps, then as many as 15,000.
func peersMemory(e *env) (*table, error) {
	t := &table{Columns: []string{"server", "resident bytes per session", "R²", "goroutines per session", "sessions at the end", "RSS then, MiB",
		"goroutines then", "stopped by"}}
	for _, name := range entrants[:3] {
		c, err := e.enter(name)
		if err != nil {
			return nil, err
		}
		stopped, err := e.weighSessions(t, c)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		e.stopAll()
		e.progress("%s: %s bytes and %s goroutines per session; %s MiB at %s sessions", name, t.text(name+" bytes"), t.text(name+" goroutines"),
			t.text(name+" last MiB"), t.text(name+" last sessions"))
		t.row(name, t.text(name+" bytes"), strconv.FormatFloat(t.median(name+" r2"), 'f', 4, 64), t.text(name+" goroutines"),
			t.text(name+" last sessions"), t.text(name+" last MiB"), t.text(name+" last goroutines"), stopped)
	}
	most := float64(e.scaled(sessionsMost))
	t.atLeast("sessions, weir", t.median("weir last sessions"), most, "sessions")
	t.atMost("resident per session, weir / mcp-go", t.median("weir bytes")/t.median("mcp-go bytes"), 0.2, "(one fifth)")
	t.atMost("resident per session, weir / go-sdk", t.median("weir bytes")/t.median("go-sdk bytes"), 0.2, "(one fifth)")
	t.note("HTTP, sessions of 2025-11-25 on kept connections, each initialised and then one call: %d to %d in %d steps, then %.0f, and a line through all",
		e.scaled(sessionsStep), e.scaled(sessionsStep)*sessionsSteps, sessionsSteps, most)
	t.note("one run; RSS holds whatever garbage the collector has not returned yet, and is read %v after the last opening", sessionsSettle)
	return t, nil
}

// weighSessions opens an entrant's sessions; stopped says why there are not as many as were asked for.
func (e *env) weighSessions(t *table, c entrant) (stopped string, err error) {
	stopped = "nothing"
	f, err := e.fleet(func(o *client.Options) {
		c.sessions(o)
		o.CallsPerConnection = 1
	})
	if err != nil {
		return "", err
	}
	f.Start()
	step := e.scaled(sessionsStep)
	var counts, resident, goroutines []float64
	look := func() error {
		if err := e.sleep(sessionsSettle); err != nil {
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
		if err := e.openAndCall(f, step); err != nil {
			return "", err
		}
		if err := look(); err != nil {
			return "", err
		}
	}
	ctx, cancel := context.WithTimeout(e.ctx, sessionsOpen)
	defer cancel()
	if err := f.Open(ctx, e.scaled(sessionsMost)-step*sessionsSteps); err != nil {
		stopped = fmt.Sprintf("%.200v", err)
	}
	_ = f.Done(ctx) // whose call is not answered by then is open all the same
	if err := look(); err != nil {
		return "", err
	}
	bytes, r2 := slope(counts, resident)
	each, _ := slope(counts, goroutines)
	t.sample(c.name+" bytes", bytes)
	t.sample(c.name+" r2", r2)
	t.sample(c.name+" goroutines", each)
	last := len(counts) - 1
	t.sample(c.name+" last sessions", counts[last])
	t.sample(c.name+" last MiB", resident[last]/(1<<20))
	t.sample(c.name+" last goroutines", goroutines[last])
	return stopped, e.ctx.Err()
}

// peersOverload finds the ceiling of each server, and offers it twice that.
func peersOverload(e *env) (*table, error) {
	t := &table{Columns: []string{"server", "ceiling, calls/s", "offered, calls/s", "goodput, calls/s", "of the ceiling", "p99 of the good, ms",
		"of that from the write, ms", "failed or refused", "peak RSS, MiB"}}
	for _, name := range entrants[:3] {
		c, err := e.enter(name)
		if err != nil {
			return nil, err
		}
		if err := e.overloadOf(t, c); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		e.stopAll()
		t.row(name, t.text(name+" ceiling"), t.text(name+" offered"), t.text(name+" answered/s"), t.text(name+" share"), t.text(name+" p99 ms"),
			t.text(name+" service p99 ms"), t.text(name+" failed"), t.text(name+" peak MiB"))
	}
	t.atLeast("goodput at twice the ceiling, weir", t.median("weir share"), 0.7, "of the ceiling")
	t.atMost("lost or unanswered, weir", t.median("weir lost"), 0, "calls")
	t.note("%d sessions over HTTP, one call in flight on each; the ceiling as in the question of that name, to %d bisections", e.scaled(overloadConnections),
		overloadBisections)
	t.note("what a client cannot send yet waits with the client, and its latency counts from the plan; the next column counts from the write")
	return t, nil
}

func (e *env) overloadOf(t *table, c entrant) error {
	climb := &climb{e: e, name: c.name, process: c.process, n: e.scaled(overloadConnections), options: func(o *client.Options) {
		c.sessions(o)
		o.Tick = openTick
	}}
	ceiling, err := climb.find(overloadBegin, overloadBisections)
	if err != nil {
		return err
	}
	before := climb.fleet.Counters()
	got, _, err := climb.once(overloadFactor*ceiling, e.window())
	if err != nil {
		return err
	}
	m, err := c.process.Memory()
	if err != nil {
		return err
	}
	after := climb.fleet.Counters()
	t.sampleStep(c.name, got)
	t.sample(c.name+" ceiling", ceiling)
	t.sample(c.name+" offered", overloadFactor*ceiling)
	t.sample(c.name+" share", got.answered/ceiling)
	t.sample(c.name+" service p99 ms", got.service)
	t.sample(c.name+" lost", float64(after.Lost-before.Lost+after.InFlight))
	t.sample(c.name+" peak MiB", float64(m.PeakBytes)/(1<<20))
	return nil
}
