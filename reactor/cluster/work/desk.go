package work

import (
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"weir/backpressure"
	"weir/reactor/auth"
	"weir/reactor/cluster/parcel"
	"weir/reactor/loop"
	"weir/reactor/pipeline"
	"weir/registry/engine"
	"weir/registry/protocol"
)

// desk is a connection without a peer, on which calls are served that came through the queue: its pipeline.Transport.
// Nothing is ever read from its descriptor, one end of a socket pair; it is there to be watched and ended like others.
type desk struct {
	worker *Worker
	conn   *pipeline.Conn
	peer   int // the other end
}

func (w *Worker) newDesk() (*desk, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("make a socket pair: %w", err)
	}
	d := &desk{worker: w, peer: pair[1]}
	home := w.config.Loops.LeastLoaded()
	var nowhere netip.Addr
	p := w.config.Pipeline
	if refusal := p.Limits.Open(nowhere); refusal != backpressure.Accepted {
		_ = unix.Close(pair[0])
		_ = unix.Close(pair[1])
		return nil, fmt.Errorf("a place for calls of front ends: refused: %v", refusal)
	}
	d.conn = pipeline.NewConn(p.Intake(home), d)
	d.conn.Init(home, &loop.Listener{Name: "queue", Patient: true}, int32(pair[0]), nowhere, d.conn)
	w.config.Loops.Adopt(d.conn.Counted())
	return d, nil
}

func (w *Worker) closeDesks() {
	for _, d := range w.desks {
		_ = unix.Close(d.peer) // the loop sees the end
	}
	w.desks = nil
}

// serving is a batch of calls as a loop's job.
type serving struct {
	*desk
	jobs []*job
}

func (d *desk) serve(jobs []*job) { d.conn.Loop().Do(&serving{d, jobs}) }

// OnLoop implements loop.Job: the calls are taken in as if they had been read.
func (s *serving) OnLoop(*loop.Loop) {
	c := s.conn
	if c.Finished() {
		for _, j := range s.jobs {
			s.worker.drop(&j.conv)
		}
		return
	}
	in := c.Intake()
	for _, j := range s.jobs {
		c.Credential = nil
		if j.call.Principal != "" {
			c.Credential = &auth.Credential{Principal: j.call.Principal}
		}
		k := in.NewCall(c)
		k.Conv = &j.conv
		if len(j.call.Header) > 0 {
			k.Header = &protocol.Header{Fields: j.call.Header}
		}
		in.Message(c, k, j.call.Message)
	}
	c.Credential = nil // or its end would be the connection's
	c.Handled()
}

// Address implements pipeline.Sender. Whose the call is the conversation says, which serve sets.
func (d *desk) Address(k *pipeline.Call) { k.Transport = engine.Line }

// Order implements pipeline.Sender.
func (d *desk) Order() pipeline.Order { return d }

// Answer implements pipeline.Sender.
func (d *desk) Answer(_ *pipeline.Conn, k *pipeline.Call, message, out []byte) []byte {
	if j := d.worker.leave(k.Conv); j != nil {
		d.worker.answer(j, k.Outcome, k.ReturnedWell, message)
	}
	k.Release()
	return out
}

// Notify implements pipeline.Sender.
func (d *desk) Notify(_ *pipeline.Conn, k *pipeline.Call, message []byte) bool {
	return d.worker.ahead(k.Conv, message)
}

// drop ends a job that nobody will run any more.
func (w *Worker) drop(conv *engine.Conversation) {
	if j := w.leave(conv); j != nil {
		w.fail(j, parcel.Stopped)
	}
}

// Drop implements pipeline.Order.
func (d *desk) Drop(_ *pipeline.Conn, k *pipeline.Call) { d.worker.drop(k.Conv) }

// Replace implements pipeline.Order: the stand-in answers for the same client.
func (d *desk) Replace(_ *pipeline.Conn, stuck, k *pipeline.Call) { k.Conv = stuck.Conv }

// CloseStream implements pipeline.Order: the stream is the front end's.
func (d *desk) CloseStream(*pipeline.Conn, *pipeline.Call, time.Duration) bool { return false }

// What else a transport does is not done here: nothing is read, and there is no order, no stream and no deadline of the
// connection's.

// Queue implements pipeline.Order.
func (d *desk) Queue(*pipeline.Intake, *pipeline.Conn, *pipeline.Call) {}

// SetStarted implements pipeline.Order.
func (d *desk) SetStarted(*pipeline.Conn, *pipeline.Call, bool) {}

// Decode implements pipeline.Conduct.
func (d *desk) Decode(_ *pipeline.Intake, _ *pipeline.Conn, b []byte) int { return len(b) }

// EOF implements pipeline.Conduct.
func (d *desk) EOF(*pipeline.Intake, *pipeline.Conn, []byte) {}

// Feed implements pipeline.Conduct.
func (d *desk) Feed(*pipeline.Intake, *pipeline.Conn) {}

// Tick implements pipeline.Conduct.
func (d *desk) Tick(*pipeline.Conn, loop.Waiting, int64) loop.Reason { return loop.StillOpen }

// GoAway implements pipeline.Conduct.
func (d *desk) GoAway(*pipeline.Conn, loop.Reason) bool { return false }

// Closed implements pipeline.Conduct.
func (d *desk) Closed(*pipeline.Conn) int { return 0 }

// Open implements pipeline.Sender. Only a listen opens a stream, and none comes through the queue.
func (d *desk) Open(*pipeline.Intake, *pipeline.Conn, *pipeline.Call, []byte) {}
