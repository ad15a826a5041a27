package reactor

import (
	"sync/atomic"

	"weir/backpressure"
	"weir/reactor/loop"
)

// flushAbove is how many bytes of answers made on a loop are collected before they are written.
const flushAbove = 16 << 10

// intake is the half of a message's life that one loop does for its connections: scan, route, admit, and the answers that need
// no worker. It is the loop's goroutine's alone, but for stats.
type intake struct {
	*loop.Loop
	srv *Server

	out     []byte // answers made on the loop, not sent yet; of one connection
	msg     []byte // one answer before its frame
	http    httpScratch
	calls   callStock
	self    backpressure.Worker // as whom it answers what no worker came for
	refused int                 // in this part of the sweep: see refuseAged

	stats struct {
		received atomic.Uint64 // messages cut from the stream
		inline   atomic.Uint64 // of these, answered on the loop
	}
}

// flush writes the answers that were made on the loop.
func (in *intake) flush(c *conn) {
	if len(in.out) > 0 {
		c.Send(in.out)
		in.out = in.out[:0]
	}
}

// refusalsPerTurn bounds how many messages are refused in one part of a sweep because they are too old, at some 2 us each.
const refusalsPerTurn = 128

// refuseAged answers the messages of c that are too old and that no worker came for, and says whether there may be more.
func (in *intake) refuseAged(c *conn) (more bool) {
	if c.Pending() == 0 {
		return false
	}
	t, n := in.srv.queue.Expire(&c.lane, in.Now(), refusalsPerTurn-in.refused)
	for t != nil {
		next := t.Next()
		in.out, _ = c.execute(t, in.out, &in.self, nil)
		if t = next; len(in.out) > flushAbove {
			in.flush(c)
		}
	}
	if n > 0 {
		in.flush(c)
		c.AddPending(-n)
		c.Settle()
	}
	in.refused += n
	return in.refused >= refusalsPerTurn
}
