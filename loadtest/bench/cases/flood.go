package cases

import (
	"context"
	"errors"
	"fmt"
	"time"

	"weir/loadtest/bench/harness"
	"weir/loadtest/bench/record"
	"weir/loadtest/client"
	"weir/loadtest/wire"
)

const (
	floodBytes     = 1 << 30
	floodMessage   = 2 << 10 // about: the filler of one message
	smallBytes     = 1 << 28 // of messages without filler, about 110 bytes each
	stuckMillis    = 20_000  // how long the tool sleeps
	stuckShort     = 8_000   // where it decides when the rest goes on; still longer than queue_timeout
	blockedAfter   = 2 * time.Second
	floodTimeout   = 120 * time.Second
	executingCap   = 32      // max_executing_per_connection
	waitingBytes   = 1 << 20 // max_waiting_bytes_per_connection
	waitingCap     = 10_000  // max_waiting_per_connection
	outboxBytes    = 64 << 10
	readBytes      = 64 << 10
	smallMessage   = 100      // at least: a call without filler
	smallBuffer    = 32 << 10 // the flooding client's kernel buffers, so that little hides in them
	blockedAtMost  = 16 << 20 // bytes that a blocked flood may have got rid of: the caps and both kernels' buffers
	growthAllowed  = 2 << 20  // beyond the caps
	warmUpCalls    = 20_000
	floodWindow    = 1 << 24
	samplingPeriod = 100 * time.Millisecond
)

// floodCase is one variant: transport, whether the client reads, what the server does when full.
type floodCase struct {
	name       string
	transport  wire.Transport
	neverReads bool
	pause      bool
	small      bool // without filler: as many messages as their count allows, not their bytes
}

// filler is what each message carries beside the call.
func (c floodCase) filler() int {
	if c.small {
		return 0
	}
	return floodMessage
}

// bytes is how much is sent, about.
func (c floodCase) bytes() int {
	if c.small {
		return smallBytes
	}
	return floodBytes
}

// stuckMillis is how long the tool sleeps: longer than the flood lasts. What blocks behind it is let go in waves of
// that length.
func (c floodCase) stuckMillis() int {
	if c.transport == wire.HTTP || c.pause {
		return stuckShort
	}
	return stuckMillis
}

var floodCases = []floodCase{
	{name: "tcp, client reads", transport: wire.Line},
	{name: "ws, client reads", transport: wire.WebSocket},
	{name: "tcp, small messages", transport: wire.Line, small: true},
	{name: "ws, small messages", transport: wire.WebSocket, small: true},
	{name: "http pipelined, client reads", transport: wire.HTTP},
	{name: "tcp, client never reads", transport: wire.Line, neverReads: true},
	{name: "ws, client never reads", transport: wire.WebSocket, neverReads: true},
	{name: "http pipelined, client never reads", transport: wire.HTTP, neverReads: true},
	{name: "tcp, on_full: pause", transport: wire.Line, pause: true},
	{name: "ws, on_full: pause", transport: wire.WebSocket, pause: true},
}

func flood(e *harness.Env) (*record.Table, error) {
	t := &record.Table{Columns: []string{"variant", "MiB accepted", "calls sent", "refused", "held by the server",
		"unaccounted",
		"RSS growth, KiB", "of it beyond the caps, KiB"}}
	for _, c := range floodCases {
		for run := range e.Runs {
			if err := oneFlood(e, t, c); err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			e.Progress("run %d: %s: %s MiB, %s refused, RSS +%s KiB", run+1, c.name,
				record.Number(t.Samples[c.name+" MiB"][run]),
				record.Number(t.Samples[c.name+" refused"][run]), record.Number(t.Samples[c.name+" growth KiB"][run]))
		}
		t.Row(c.name, t.Text(c.name+" MiB"), t.Text(c.name+" sent"), t.Text(c.name+" refused"), t.Text(c.name+" held"),
			t.Text(c.name+" unaccounted"), t.Text(c.name+" growth KiB"), t.Text(c.name+" beyond KiB"))
		judgeFlood(e, t, c)
	}
	t.Note("one connection, calls of `sleep` with %d ms (over HTTP and paused: %d) and %d bytes of filler, up to %d MiB",
		stuckMillis, stuckShort,
		floodMessage, e.Scaled(floodBytes)>>20)
	t.Note("small messages: no filler, %d MiB of them", e.Scaled(smallBytes)>>20)
	t.Note("the caps: %d KiB or %d messages waiting, %d executing, %d KiB outbox, %d KiB input; the server's "+
		"bookkeeping is beyond them",
		waitingBytes>>10, waitingCap, executingCap, outboxBytes>>10, readBytes>>10)
	t.Note("HTTP answers in order, so behind a stuck call nothing is answered: the outbox fills and reading pauses")
	return t, nil
}

func judgeFlood(e *harness.Env, t *record.Table, c floodCase) {
	t.AtMost("RSS beyond the caps, "+c.name, t.Median(c.name+" beyond KiB"), growthAllowed>>10, "KiB")
	t.AtMost("unaccounted, "+c.name, t.Median(c.name+" unaccounted"), 0, "calls")
	switch {
	case c.pause:
		t.AtMost("refused, "+c.name, t.Median(c.name+" refused"), 0, "calls")
		t.AtMost("accepted before the writes blocked, "+c.name, t.Median(c.name+" MiB"), blockedAtMost>>20, "MiB")
	case c.neverReads || c.transport == wire.HTTP:
		t.AtMost("accepted before the writes blocked, "+c.name, t.Median(c.name+" MiB"), blockedAtMost>>20, "MiB")
	default:
		t.AtLeast("accepted, "+c.name, t.Median(c.name+" MiB"), float64(e.Scaled(c.bytes())>>20), "MiB")
		most := min(waitingCap, float64(waitingBytes/(c.filler()+smallMessage))) + executingCap
		t.AtMost("held, "+c.name, t.Median(c.name+" held"), most, "calls")
	}
}

func oneFlood(e *harness.Env, t *record.Table, c floodCase) error {
	yaml := ""
	if c.pause {
		yaml = "on_full: pause\n"
	}
	s, err := e.Weir(yaml)
	if err != nil {
		return err
	}
	defer e.StopServer(s.Process)
	before, err := warmServer(e, s, c.transport)
	if err != nil {
		return err
	}
	calls := e.Scaled(c.bytes()) / (c.filler() + smallMessage)
	f, err := e.Open(1, func(o *client.Options) {
		o.Address, o.Transport, o.NeverRead = s.Address(c.transport), c.transport, c.neverReads
		o.Tool, o.Arguments, o.PadBytes = "sleep", fmt.Sprintf(`{"ms":%d}`, c.stuckMillis()), c.filler()
		o.Window, o.CallsPerConnection = floodWindow, calls
		o.ReceiveBufferBytes, o.SendBufferBytes = smallBuffer, smallBuffer
	})
	if err != nil {
		return err
	}
	defer e.CloseFleet(f)
	f.Start()
	if err := untilQuiet(e, f); err != nil {
		return err
	}
	m, err := s.Memory()
	if err != nil {
		return err
	}
	got := f.Counters()
	held := float64(got.InFlight)
	wire := float64(got.BytesSent) / float64(max(1, got.Sent))
	caps := min(held*wire, waitingBytes+executingCap*wire) + outboxBytes + readBytes
	growth := float64(m.PeakBytes - before)
	t.Sample(c.name+" MiB", float64(got.BytesSent)/(1<<20))
	t.Sample(c.name+" sent", float64(got.Sent))
	t.Sample(c.name+" refused", float64(got.Refused))
	t.Sample(c.name+" held", held)
	t.Sample(c.name+" growth KiB", growth/1024)
	t.Sample(c.name+" beyond KiB", (growth-caps)/1024)
	unaccounted, err := lostOf(e, f, c)
	t.Sample(c.name+" unaccounted", unaccounted)
	return err
}

// warmServer makes the server allocate what any traffic makes it allocate, so that the flood's own share shows; it
// returns what is resident then.
func warmServer(e *harness.Env, s *harness.Server, transport wire.Transport) (int64, error) {
	f, err := e.Open(1, func(o *client.Options) {
		o.Address, o.Transport, o.Window, o.CallsPerConnection = s.Address(transport), transport, 64, e.Scaled(warmUpCalls)
		o.PadBytes = floodMessage
	})
	if err != nil {
		return 0, err
	}
	f.Start()
	err = e.Poll(samplingPeriod, harness.SettleTimeout, func() (bool, error) {
		c := f.Counters()
		return c.Answered() == uint64(e.Scaled(warmUpCalls)), c.Check()
	})
	e.CloseFleet(f)
	if err != nil {
		return 0, fmt.Errorf("warm-up: %w", err)
	}
	if err := s.ResetPeak(); err != nil {
		return 0, err
	}
	m, err := s.Memory()
	return m.ResidentBytes, err
}

// untilQuiet waits until nothing more goes out or comes in: the flood is over, or it is blocked.
func untilQuiet(e *harness.Env, f *client.Fleet) error {
	last, since := uint64(0), time.Now()
	return e.Poll(samplingPeriod, floodTimeout, func() (bool, error) {
		c := f.Counters()
		if now := c.BytesSent + c.BytesReceived; now != last {
			last, since = now, time.Now()
		}
		return time.Since(since) > blockedAfter, nil
	})
}

// lostOf waits for the stuck calls to end and returns how many calls have no outcome then. A client that never reads
// cannot know; of it only what came before it stopped reading is judged.
func lostOf(e *harness.Env, f *client.Fleet, c floodCase) (float64, error) {
	if c.neverReads {
		got := f.Counters()
		return float64(got.Bad), nil
	}
	if err := e.Halt(f); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return 0, err
	}
	got := f.Counters()
	return float64(got.Sent) - float64(got.Answered()), e.Ctx.Err()
}
