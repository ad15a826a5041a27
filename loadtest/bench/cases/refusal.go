package cases

import (
	"context"
	"fmt"
	"strings"
	"time"

	"weir/loadtest/bench/harness"
	"weir/loadtest/bench/record"
	"weir/loadtest/client"
	"weir/loadtest/observe"
	"weir/loadtest/wire"
)

const (
	refusalLimit       = 10  // microseconds of CPU
	refusalConnections = 100 // that are refused
	heldConnections    = 50  // that fill the server first
	stuckCalls         = 10  // of each of them
	stuckTools         = 10  // how many of those calls run
	churning           = 32  // connections that are refused and come again
	neverMillis        = 600_000
	// fullYAML makes a server that is easily filled and stays full: what waits is never too old.
	fullYAML = "queue_timeout: 0s\noverload_queue_timeout: 0s\nmax_connection_refusal_rate: 100000\n"
)

// refusalCase is one way of being refused.
type refusalCase struct {
	name      string
	transport wire.Transport
	window    int
	run       func(e *harness.Env, c refusalCase) (used harness.Cost, err error)
}

// What the same bytes cost without any server's work: the machine's own part of a refusal.
const (
	floorCall       = "bare echo, tcp, one in flight"
	floorConnection = "bare accept, write and close"
)

var refusalCases = []refusalCase{
	{floorCall, wire.Line, 1, bareEcho},
	{floorConnection, wire.Line, 1, bareRefusal},
	{"connection's cap, tcp, 256 in flight", wire.Line, 256, ownCap},
	{"connection's cap, ws, 256 in flight", wire.WebSocket, 256, ownCap},
	{"global cap, tcp, 64 in flight", wire.Line, 64, globalCap},
	{"global cap, tcp, one in flight", wire.Line, 1, globalCap},
	{"global cap, ws, 64 in flight", wire.WebSocket, 64, globalCap},
	{"global cap, ws, one in flight", wire.WebSocket, 1, globalCap},
	{"global cap, http, 64 in flight", wire.HTTP, 64, globalCap},
	{"global cap, http, one in flight", wire.HTTP, 1, globalCap},
	{"connection limit, tcp", wire.Line, 1, connectionCap},
	{"connection limit, http", wire.HTTP, 1, connectionCap},
}

func refusal(e *harness.Env) (*record.Table, error) {
	t := &record.Table{Columns: []string{"refused at", "CPU per refusal, us", "beyond the bare one, us", "refusals/s",
		"generator's CPU, us"}}
	for _, c := range refusalCases {
		for run := range e.Runs {
			got, err := c.run(e, c)
			e.StopAll()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			e.Progress("run %d: %s: %s us", run+1, c.name, record.Number(got.Server))
			harness.KeepCost(t, c.name, got)
		}
		judgeRefusal(e, t, c)
	}
	t.Note("all CPU of the server is counted, reading and writing the socket included; for a connection also accepting " +
		"and closing it")
	t.Note("where each refusal is a packet or a connection of its own, the kernel's part is measured with a server that " +
		"does nothing " +
		"else, and the mark is for what is beyond that")
	t.Note("HTTP answers a connection in order, so its own cap is never seen as a refusal behind a stuck call")
	return t, nil
}

func judgeRefusal(e *harness.Env, t *record.Table, c refusalCase) {
	own, beyond, name := t.Median(c.name+" cpu us"), "", "CPU per refusal, "+c.name
	floor := ""
	switch {
	case c.name == floorCall || c.name == floorConnection:
	case c.window > 1:
		t.AtMost(name, own, refusalLimit, "us")
	default:
		floor = floorCall
		if strings.HasPrefix(c.name, "connection limit") {
			floor = floorConnection
		}
		more := own - t.Median(floor+" cpu us")
		beyond = record.Number(more)
		t.AtMost(name+", beyond the bare one", more, refusalLimit, "us")
	}
	t.Row(c.name, record.Number(own), beyond, t.Text(c.name+" calls/s"), t.Text(c.name+" generator cpu us"))
}

// bareEcho measures the echo with as many connections as are refused.
func bareEcho(e *harness.Env, c refusalCase) (harness.Cost, error) {
	p, address, err := e.Peer("echo-epoll")
	if err != nil {
		return harness.Cost{}, err
	}
	f, err := e.Open(refusalConnections, func(o *client.Options) { o.Address = address })
	if err != nil {
		return harness.Cost{}, err
	}
	return e.Cost(p, f)
}

// bareRefusal measures a server that refuses every connection and does nothing else.
func bareRefusal(e *harness.Env, c refusalCase) (harness.Cost, error) {
	p, address, err := e.Peer("echo-epoll", "-refuse", `{"jsonrpc":"2.0","id":null,"error":{"code":-32603,`+
		`"message":"Server overloaded","data":{"reason":"connection_limit","retryAfterMs":1000,"executed":false}}}`)
	if err != nil {
		return harness.Cost{}, err
	}
	return costOfTurnedAway(e, p, address, wire.Line)
}

// ownCap fills each connection's own queue with its first calls; the rest of them is refused.
func ownCap(e *harness.Env, c refusalCase) (harness.Cost, error) {
	s, err := e.Weir(fullYAML + "max_waiting_per_connection: 16\n")
	if err != nil {
		return harness.Cost{}, err
	}
	f, err := e.Open(20, func(o *client.Options) {
		o.Address, o.Transport, o.Window = s.Address(c.transport), c.transport, c.window
		o.Tool, o.Arguments = "sleep", fmt.Sprintf(`{"ms":%d}`, neverMillis)
	})
	if err != nil {
		return harness.Cost{}, err
	}
	f.Start()
	return costOfRefusals(e, s.Process, f, func(k *client.Counters) uint64 { return k.Refused })
}

// globalCap fills the server with other connections' calls first.
func globalCap(e *harness.Env, c refusalCase) (harness.Cost, error) {
	s, err := e.Weir(fullYAML + fmt.Sprintf("max_waiting: 100\nmax_blocking_workers: %d\n", stuckTools))
	if err != nil {
		return harness.Cost{}, err
	}
	// Opened before the server is full: then it would refuse the connections.
	f, err := e.Open(refusalConnections, func(o *client.Options) {
		o.Address, o.Transport, o.Window = s.Address(c.transport), c.transport, c.window
	})
	if err != nil {
		return harness.Cost{}, err
	}
	if err := fillServer(e, s); err != nil {
		return harness.Cost{}, fmt.Errorf("the server does not fill up: %w", err)
	}
	f.Start()
	return costOfRefusals(e, s.Process, f, func(k *client.Counters) uint64 { return k.Refused })
}

// fillServer sends calls that never end until the server has no place for another. It takes two waves: the first fills
// the queue, out of which the workers then take what they can hold; the second fills what they left.
func fillServer(e *harness.Env, s *harness.Server) error {
	var waves [2]*client.Fleet
	for i := range waves {
		f, err := e.Open(heldConnections, func(o *client.Options) {
			o.Address, o.Window, o.CallsPerConnection = s.TCP, stuckCalls, stuckCalls
			o.Tool, o.Arguments = "sleep", fmt.Sprintf(`{"ms":%d}`, neverMillis)
		})
		if err != nil {
			return err
		}
		waves[i] = f
	}
	for _, f := range waves {
		f.Start()
		err := e.Poll(samplingPeriod, harness.OpenTimeout, func() (bool, error) {
			st, err := s.Status()
			c := f.Counters()
			return c.Refused > 0 && st.Queue.ExecutingBlocking == stuckTools, err
		})
		if err != nil {
			return err
		}
	}
	return e.Poll(samplingPeriod, harness.OpenTimeout, func() (bool, error) {
		st, err := s.Status()
		return st.Queue.Waiting == st.Queue.WaitingLimit, err
	})
}

// connectionCap holds all connections that the server allows, and comes again and again.
func connectionCap(e *harness.Env, c refusalCase) (harness.Cost, error) {
	s, err := e.Weir(fullYAML + fmt.Sprintf("max_connections: %d\n", heldConnections))
	if err != nil {
		return harness.Cost{}, err
	}
	if _, err := e.Open(heldConnections, func(o *client.Options) { o.Address = s.TCP }); err != nil {
		return harness.Cost{}, err
	}
	return costOfTurnedAway(e, s.Process, s.Address(c.transport), c.transport)
}

// costOfTurnedAway comes again and again to a server that takes no connection.
func costOfTurnedAway(e *harness.Env, p *observe.Process, address string, transport wire.Transport) (harness.Cost,
	error) {
	f, err := e.Fleet(func(o *client.Options) {
		o.Address, o.Transport, o.Reopen = address, transport, true
		o.Opening, o.Sources = wire.OpenBare, client.LoopbackSources(8)
	})
	if err != nil {
		return harness.Cost{}, err
	}
	f.Launch(churning) // and never Start: they do not get to call
	got, err := costOfRefusals(e, p, f, func(k *client.Counters) uint64 { return k.Ended[client.EndRefused] })
	c := f.Counters()
	if other := c.Ended[client.EndPeerClosed] + c.Ended[client.EndPeerReset] +
		c.Ended[client.EndConnectFailed]; err == nil &&
		other > c.Ended[client.EndRefused]/100 {
		err = fmt.Errorf("%d connections ended without being told why, %d were told: %v", other, c.Ended[client.EndRefused],
			c.Failures)
	}
	return got, err
}

// costOfRefusals measures one window of a fleet that is being refused; count says how often it was.
func costOfRefusals(e *harness.Env, p *observe.Process, f *client.Fleet,
	count func(*client.Counters) uint64) (harness.Cost, error) {
	if err := e.Sleep(harness.WarmUp); err != nil {
		return harness.Cost{}, err
	}
	w, err := e.Observe(p, f, e.Window(), p.CPU)
	if err != nil {
		return harness.Cost{}, err
	}
	ctx, cancel := context.WithTimeout(e.Ctx, time.Second)
	defer cancel()
	_ = f.Stop(ctx) // what the server holds never ends; the fleet is closed with the case
	n := float64(count(&w.After) - count(&w.Before))
	if n == 0 {
		return harness.Cost{}, fmt.Errorf("nothing was refused: %+v", w.After)
	}
	if answered := w.After.Results - w.Before.Results; float64(answered) > n/100 || w.After.Bad > 0 {
		return harness.Cost{}, fmt.Errorf("%d calls were answered beside %.0f refusals, %d bad: %v", answered, n, w.After.Bad,
			w.After.Failures)
	}
	c := w.CostOf(n)
	c.Refused = n
	return c, nil
}
