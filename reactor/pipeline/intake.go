package pipeline

import (
	"sync/atomic"

	"weir/backpressure"
	"weir/reactor/loop"
)

// FlushAbove is how many bytes of answers made on a loop are collected before they are written.
const FlushAbove = 16 << 10

// Intake is the half of a message's life that one loop does for its connections: scan, route, admit, and the answers
// that need no worker. It is the loop's goroutine's alone, but for stats.
type Intake struct {
	*loop.Loop
	p *Pipeline

	Out []byte // answers made on the loop, not sent yet; of one connection
	Msg []byte // one answer before its frame

	// Front is what the transports keep for the loop.
	Front any

	calls   callStock
	self    backpressure.Worker // as whom it answers what no worker came for
	refused int                 // in this part of the sweep: see refuseAged

	stats struct {
		received atomic.Uint64 // messages cut from the stream
		inline   atomic.Uint64 // of these, answered on the loop
		heldBack atomic.Uint64 // times that a connection was not read on: see overasks
	}
}

// Flush writes the answers that were made on the loop.
func (in *Intake) Flush(c *Conn) {
	if len(in.Out) > 0 {
		c.Send(in.Out)
		in.Out = in.Out[:0]
	}
}

// refusalsPerTurn bounds how many messages are refused in one part of a sweep because they are too old, at some 2 us
// each.
const refusalsPerTurn = 128

// refuseAged answers the messages of c that are too old and that no worker came for, and says whether there may be
// more.
func (in *Intake) refuseAged(c *Conn) (more bool) {
	if c.Pending() == 0 {
		return false
	}
	t, n := in.p.Queue.Expire(&c.lane, in.Now(), refusalsPerTurn-in.refused)
	for t != nil {
		next := t.Next()
		in.Out, _ = c.execute(t, in.Out, &in.self, nil)
		if t = next; len(in.Out) > FlushAbove {
			in.Flush(c)
		}
	}
	if n > 0 {
		in.Flush(c)
		c.AddPending(-n)
		c.Settle()
	}
	in.refused += n
	return in.refused >= refusalsPerTurn
}

// Pipeline is what the intake is part of.
func (in *Intake) Pipeline() *Pipeline { return in.p }

// CountReceived counts a message that no call is made of.
func (in *Intake) CountReceived() { in.stats.received.Add(1) }
