package reactor

import (
	"strconv"
	"time"

	"weir/backpressure"
	"weir/codec"
	"weir/reactor/loop"
	"weir/registry"
)

// A message's life, in order: scan, route, admit, queue, dispatch, answer. The first half runs on the loop, the second
// on a worker; control and errors never leave the loop.

// peekAbove is the length from which a message is only peeked at (4 KiB of it) before admission: to refuse it must not
// cost a scan that grows with it.
const peekAbove = 4 << 10

// flushEvery is how long a worker collects the answers of a batch before it sends what it has: a slow call must not
// hold back the quick ones before it.
const flushEvery = time.Millisecond

// outRoom is what a worker takes for the answers of a batch; it grows when they need more.
const outRoom = 4 << 10

// message takes over k and serves msg with it, which lies in the loop's buffer. Loop only.
func (in *intake) message(c *conn, k *call, msg []byte) {
	in.stats.received.Add(1)
	k.Raw, k.Principal = msg, c.principal()
	s := in.srv
	if len(msg) > peekAbove && in.refuseUnread(c, k) {
		return
	}
	if err := codec.Scan(msg, &k.Env, &s.opts.Messages.JSON); err != nil {
		k.Outcome = registry.Invalid
		in.fail(k, err.(*codec.Error))
		return
	}
	switch class := s.registry.Route(&k.Exchange); class {
	case registry.Inline:
		in.stats.inline.Add(1)
		if id := k.Recalled(); id != nil {
			c.recall(id) // before Dispatch looks among what is in flight: a compact call goes there (expand)
		}
		in.msg = s.registry.Dispatch(&k.Exchange, in.msg[:0])
		in.answer(k, in.msg)
	case registry.Listening:
		in.stats.inline.Add(1)
		in.listen(c, k)
	default:
		in.admit(c, k, queueClass(class))
	}
}

func queueClass(c registry.Class) backpressure.Class {
	if c == registry.Blocking {
		return backpressure.Blocking
	}
	return backpressure.Compute
}

// admit registers k as in flight and puts it in line, or refuses it.
func (in *intake) admit(c *conn, k *call, class backpressure.Class) {
	s := in.srv
	// Asked before anything is copied, registered or flushed; Admit has the last word.
	if refusal := s.queue.Probe(&c.lane, class, len(k.Raw), in.Now()); s.refuses(refusal) {
		in.refuse(k, k.ID(), refusal)
		return
	}
	if c.mayCompact(k) {
		if refusal := in.queueCompact(c, k, class); refusal == backpressure.Accepted || s.refuses(refusal) {
			if refusal == backpressure.Accepted {
				k.release()
			} else {
				in.refuse(k, k.ID(), refusal)
			}
			return
		}
	}
	k.own(k.Raw) // before Begin: from there on others may look at it
	if err := s.registry.Begin(&k.Exchange); err != nil {
		k.Outcome = registry.Invalid
		in.fail(k, err)
		return
	}
	c.AddPending(1)
	if k.group != nil {
		k.group.left.Add(1)
	} else if o := c.transport.order(); o != nil {
		o.queue(in, c, k)
	}
	k.ticket.Overhead = callBytes
	k.class = class
	refusal := s.queue.Admit(&c.lane, &k.ticket, class, len(k.Raw), in.Now())
	if refusal == backpressure.Accepted {
		return
	}
	if !s.refuses(refusal) && k.group == nil && c.blocked == nil { // half a batch cannot be set aside, nor a second message that was POSTed
		in.block(c, k)
		return
	}
	in.refuseQueued(c, k, refusal)
}

// block sets the message that found its connection's queue full aside, with on_full pause, and stops reading. It is
// admitted again first thing when half of the queue has gone (conn.Drained).
func (in *intake) block(c *conn, k *call) {
	c.blocked = k
	c.Lock()
	c.PauseLocked(loop.PauseHandler)
	c.Unlock()
	// The queue may have fallen to half between the refusal and the pause; then nobody would call Drained.
	in.unblock(c)
}

// unblock tries to admit the blocked message; the connection reads on when that works, or when the queue of all has become
// what is full: then it is refused like any other.
func (in *intake) unblock(c *conn) {
	k := c.blocked
	if k == nil {
		return
	}
	refusal := in.srv.queue.Admit(&c.lane, &k.ticket, k.class, len(k.Raw), in.Now())
	if refusal.OfConnection() {
		return
	}
	c.blocked = nil
	c.Lock()
	c.ResumeLocked(loop.PauseHandler)
	c.Unlock()
	if refusal != backpressure.Accepted {
		in.refuseQueued(c, k, refusal)
		in.flush(c)
	}
	in.srv.queue.Schedule(&c.lane)
}

// refuseQueued refuses a call that had its place already, in the order of answers and in flight.
func (in *intake) refuseQueued(c *conn, k *call, refusal backpressure.Refusal) {
	c.AddPending(-1)
	g := k.group
	if o := c.transport.order(); g == nil && o != nil {
		o.drop(c, k)
	}
	in.msg = in.srv.appendRefusal(in.msg[:0], k, k.ID(), refusal)
	in.answer(k, c.endCall(k, in.msg))
	if g != nil && g.finished() {
		in.sendGroup(c, g)
	}
}

// Drained is called by the queue when a full lane fell to half.
func (c *conn) Drained() { c.Post() }

// refuseUnread refuses a long message from its first 4 KiB if there is no room for it. It reports whether it did.
func (in *intake) refuseUnread(c *conn, k *call) bool {
	s := in.srv
	refusal := s.queue.Probe(&c.lane, backpressure.Blocking, len(k.Raw), in.Now())
	if !s.refuses(refusal) {
		return false
	}
	codec.Peek(k.Raw, &k.Env)
	if k.Env.Kind != codec.KindRequest || !s.registry.Queued(k.Raw, &k.Env) {
		k.Env = codec.Envelope{}
		return false // control is never refused for want of room, and what is not a request is judged by the scan
	}
	in.refuse(k, k.ID(), refusal)
	return true
}

// refuses reports whether a message that met this refusal is to be refused; with on_full pause a connection's own full
// queue makes it wait instead.
func (s *Server) refuses(refusal backpressure.Refusal) bool {
	return refusal != backpressure.Accepted && (s.opts.OnFull != OnFullPause || !refusal.OfConnection())
}

// refuse answers the request id with a refusal. It takes k over.
func (in *intake) refuse(k *call, id []byte, refusal backpressure.Refusal) {
	in.msg = in.srv.appendRefusal(in.msg[:0], k, id, refusal)
	in.answer(k, in.msg)
}

// fail answers k with an error made on the loop. It takes k over.
func (in *intake) fail(k *call, err *codec.Error) {
	in.msg = codec.AppendError(in.msg[:0], k.ID(), err)
	in.answer(k, in.msg)
}

// answer routes what the loop answered to where it belongs: k's batch or the transport. It takes k over.
func (in *intake) answer(k *call, message []byte) {
	if g := k.group; g != nil {
		g.add(message)
		k.release()
		return
	}
	c := k.conn
	if in.out = c.transport.answer(c, k, message, in.out); len(in.out) > flushAbove {
		in.flush(c)
	}
}

// appendRefusal appends the one shape that every refusal has (OVERLOAD.md) and notes when the peer may come again. A
// notification (no id) gets no answer.
func (s *Server) appendRefusal(dst []byte, k *call, id []byte, refusal backpressure.Refusal) []byte {
	s.queue.CountRefusal(refusal)
	after := s.queue.RetryAfter(refusal)
	k.Outcome, k.retryAfter = registry.Overloaded, uint16(seconds(after))
	if id == nil {
		return dst
	}
	return appendOverloaded(dst, id, refusal, after)
}

func appendOverloaded(dst, id []byte, refusal backpressure.Refusal, after time.Duration) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","id":`...)
	dst = append(dst, id...)
	dst = append(dst, `,"error":{"code":-32603,"message":"`+overloadedMessage+`","data":`...)
	return append(appendOverloadData(dst, refusal, after), "}}"...)
}

const overloadedMessage = "Server overloaded"

func appendOverloadData(dst []byte, refusal backpressure.Refusal, after time.Duration) []byte {
	dst = append(dst, `{"reason":"`...)
	dst = append(dst, refusal.String()...)
	dst = append(dst, `","retryAfterMs":`...)
	dst = strconv.AppendInt(dst, after.Milliseconds(), 10)
	return append(dst, `,"executed":false}`...)
}

// Run executes a batch of this connection's messages on a worker and sends their answers in as few writes as it can.
func (c *conn) Run(batch *backpressure.Ticket, n int, w *backpressure.Worker) {
	out := loop.GetBuffer(outRoom)
	var began int64
	var r *run
	if n > 1 {
		began = backpressure.Now()
		r = &c.intake.srv.runs[w.Number]
	}
	left, settled := n, false
	defer func() {
		if !settled { // a handler has ended the goroutine: see exited
			c.settleWorker(nil, n-left)
		}
	}()
	for t := batch; t != nil; {
		next := t.Next()
		var elsewhere bool
		if out, elsewhere = c.execute(t, out, w, r); elsewhere {
			n--
		}
		if left--; r.wasTaken() {
			next, n = nil, n-left
		}
		if t = next; t == nil {
			break
		}
		if now := backpressure.Now(); now-began > int64(flushEvery) || len(out) > flushAbove {
			c.Send(out)
			out, began = out[:0], now
		}
	}
	r.end()
	settled = true
	c.settleWorker(out, n)
	loop.PutBuffer(out)
}

// execute serves one message and appends its framed answer to out. elsewhere: there is none, the call is somebody else's,
// because it waits for its client, or was answered at the handler's deadline. r is nil without a batch.
func (c *conn) execute(t *backpressure.Ticket, out []byte, w *backpressure.Worker, r *run) (_ []byte, elsewhere bool) {
	s := c.intake.srv
	k, begun := t.Job.(*call)
	scratch := w.Buf[:0]
	if !begun {
		if k, scratch = c.expand(t.Job.(*compactCall), scratch); len(scratch) > 0 {
			return c.transport.answer(c, k, scratch, out), false
		}
	}
	if o := c.transport.order(); o != nil {
		o.setStarted(c, k, true)
	}
	switch {
	case k.Cancelled():
	case t.Refused != backpressure.Accepted && k.Suspended(): // not any more
		scratch = s.appendCutShort(scratch, k, t.Refused)
	case t.Refused != backpressure.Accepted:
		scratch = s.appendRefusal(scratch, k, k.ID(), t.Refused)
	default:
		k.Slot = &s.slots[w.Number]
		r.enter(c, out, t.Next())
		scratch = c.dispatch(k, scratch, r)
		if !r.leave() {
			out = nil
		}
		if k.Suspended() {
			w.Buf = scratch
			k.LetGo() // Resume brings it back, maybe before this returns
			return out, true
		}
		if k.TimedOut() {
			w.Buf = scratch
			k.release()
			return out, true
		}
	}
	out = c.conclude(k, c.endCall(k, scratch), out)
	w.Buf = scratch // the queue drops it when it has grown too large to keep
	return out, false
}

// dispatch runs the handler.
func (c *conn) dispatch(k *call, scratch []byte, r *run) []byte {
	returned := false
	defer func() {
		if !returned {
			c.exited(k, r)
		}
	}()
	scratch = c.intake.srv.registry.Dispatch(&k.Exchange, scratch)
	returned = true
	return scratch
}

// exited answers a call whose handler has ended the worker's goroutine, and what the worker leaves behind with it.
func (c *conn) exited(k *call, r *run) {
	r.takeOver()
	r.leave()
	r.wasTaken() // or the next worker in this slot would find it so
	if k.TimedOut() {
		k.release()
		return
	}
	s := c.intake.srv
	message := s.registry.AppendExited(nil, &k.Exchange)
	c.settleWorker(c.conclude(k, c.endCall(k, message), nil), 1)
}

// endCall takes a call out of its conversation and returns its answer, message, or nothing if it was cancelled in time: whoever
// is answered under its id is another call's client. Any goroutine.
func (c *conn) endCall(k *call, message []byte) []byte {
	s := c.intake.srv
	s.registry.End(&k.Exchange)
	if !k.Cancelled() {
		return message
	}
	s.metrics.dropped[dropCancelled].Inc()
	k.Outcome = registry.Cancelled
	return message[:0]
}

// conclude ends a call that is in flight no more: its answer is appended to out, framed, or sent in its turn. It takes k
// over. Any goroutine.
func (c *conn) conclude(k *call, message, out []byte) []byte {
	g := k.group
	if g == nil {
		return c.transport.answer(c, k, message, out)
	}
	g.add(message)
	k.release()
	if g.finished() {
		out = g.deliver(c, out)
		c.AddPending(-1)
	}
	return out
}

// settleWorker sends what is left of a batch's answers and tells the loop when nothing is left to wait for.
func (c *conn) settleWorker(out []byte, n int) {
	c.Lock()
	defer c.Unlock()
	if len(out) > 0 {
		c.SendLocked(out)
	}
	c.AnsweredLocked(n)
}
