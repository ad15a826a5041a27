package pipeline

import (
	"time"

	"weir/backpressure"
	"weir/codec"
	"weir/reactor/loop"
	"weir/registry/engine"
)

// A message's life, in order: scan, route, admit, queue, dispatch, answer. The first half runs on the loop, the second
// on a worker; control and errors never leave the loop.

// peekAbove is the length from which a message is only peeked at (4 KiB of it) before admission: to refuse it must not
// cost a scan that grows with it.
const peekAbove = 4 << 10

// Message takes over k and serves msg with it, which lies in the loop's buffer. Loop only.
//
// HTTP has a second door: a tools/call is probed at its head (Intake.Probe), before it has a body and a Call. What
// refuses calls here (sheds, full, admit) refuses there too, or bodies are read for nothing.
func (in *Intake) Message(c *Conn, k *Call, msg []byte) {
	in.stats.received.Add(1)
	k.Raw, k.Principal = msg, c.Principal()
	p := in.p
	if len(msg) > peekAbove && in.refuseUnread(c, k) {
		return
	}
	if err := codec.Scan(msg, &k.Env, &p.Options.JSON); err != nil {
		k.Outcome = engine.Invalid
		in.Fail(k, err.(*codec.Error))
		return
	}
	if p.watched {
		k.beginSpan(time.Now())
	}
	class := p.Engine.Route(&k.Exchange)
	if k.Span != nil {
		k.describe()
	}
	refusal := in.sheds(k, class)
	if refusal == backpressure.Accepted && k.full(class) {
		refusal = backpressure.ToolLimit
	}
	if refusal != backpressure.Accepted {
		in.Refuse(k, k.ID(), refusal)
		return
	}
	switch class {
	case engine.Inline:
		in.stats.inline.Add(1)
		if id := k.Recalled(); id != nil {
			c.recall(id) // before Dispatch looks among what is in flight: a compact call goes there (expand)
		}
		in.Msg = p.Engine.Dispatch(&k.Exchange, in.Msg[:0])
		in.Answer(k, in.Msg)
	case engine.Listening:
		in.stats.inline.Add(1)
		in.listen(c, k)
	default:
		in.admit(c, k, queueClass(class))
	}
}

// sheds says whether a routed message is refused for the sake of the process. A call that becomes a task is of the
// lowest class: nobody waits for it.
func (in *Intake) sheds(k *Call, class engine.Class) backpressure.Refusal {
	shed := in.p.Queue.Shedding()
	switch {
	case !shed.Any():
		return backpressure.Accepted
	case k.IsTask():
		return shed.Refuses(backpressure.Blocking)
	case class == engine.Compute || class == engine.Blocking:
		return shed.Refuses(queueClass(class))
	}
	return backpressure.Accepted
}

func queueClass(c engine.Class) backpressure.Class {
	if c == engine.Blocking {
		return backpressure.Blocking
	}
	return backpressure.Compute
}

// admit registers k as in flight and queues it, or refuses it.
func (in *Intake) admit(c *Conn, k *Call, class backpressure.Class) {
	p := in.p
	if p.Draining() { // the queue is not yet: what waits for mounts is let in once more
		in.Refuse(k, k.ID(), backpressure.Draining)
		return
	}
	work := p.workOf(k.Series())
	// Asked before anything is copied, registered or flushed; Admit has the last word.
	if refusal := p.Queue.Probe(&c.lane, work, class, k.Bytes(), in.Now()); c.refuses(refusal) {
		in.Refuse(k, k.ID(), refusal)
		if refusal == backpressure.ExpectedWait {
			in.overasks(c)
		}
		return
	}
	c.overasked = max(0, c.overasked-refusalsPerCall)
	if c.mayCompact(k) {
		if refusal := in.queueCompact(c, k, work, class); refusal == backpressure.Accepted || c.refuses(refusal) {
			if refusal == backpressure.Accepted {
				k.Span = nil // it begins again, with the same beginning (expand)
				k.Release()
			} else {
				in.Refuse(k, k.ID(), refusal)
			}
			return
		}
	}
	k.own(k.Raw) // before Begin: from there on others may look at it
	if err := p.Engine.Begin(&k.Exchange); err != nil {
		k.Outcome = engine.Invalid
		in.Fail(k, err)
		return
	}
	c.AddPending(1)
	if k.group != nil {
		k.group.left.Add(1)
	} else if o := c.transport.Order(); o != nil {
		o.Queue(in, c, k)
	}
	k.ticket.Work = work
	k.ticket.SetOverhead(k.overhead())
	k.class = class
	refusal := p.Queue.Admit(&c.lane, &k.ticket, class, k.Bytes(), in.Now())
	if refusal == backpressure.Accepted {
		return
	}
	if !c.refuses(refusal) && k.group == nil && c.blocked == nil {
		in.block(c, k) // half a batch cannot be set aside, nor a second message that was POSTed
		return
	}
	in.refuseQueued(c, k, refusal)
}

// block sets the message that found its connection's queue full aside, with on_full pause, and stops reading. It is
// admitted again first thing when half of the queue has gone (Conn.Drained).
func (in *Intake) block(c *Conn, k *Call) {
	c.blocked = k
	c.Lock()
	c.PauseLocked(loop.PauseHandler)
	c.Unlock()
	// The queue may have fallen to half between the refusal and the pause; then nobody would call Drained.
	in.unblock(c)
}

// A refusal is cheap, and who asks again and again at once makes many: ten such clients would leave nothing of the
// cores. So a connection that was refused far more often than a call of it was taken, refusalsPerCall times, is not
// read on until little of what it has waiting is left. Its peer finds its writes block.
const (
	refusalsPerCall = 20
	refusalsAhead   = 256 // that are told without a call taken
	refusalsAgain   = 32  // and to one that was not read on before
)

// overasks notes that a call of c was refused because of what waits.
func (in *Intake) overasks(c *Conn) {
	if c.overasked++; c.overasked < refusalsAhead || c.heldBack || !in.p.Queue.AwaitLittle(&c.lane) {
		c.overasked = min(c.overasked, refusalsAhead)
		return
	}
	c.overasked, c.heldBack = refusalsAhead-refusalsAgain, true
	in.stats.heldBack.Add(1)
	c.Lock()
	c.PauseLocked(loop.PauseHandler)
	c.Unlock()
}

// unblock tries to admit the blocked message; the connection reads on when that works, or when the queue of all has
// become what is full: then it is refused like any other.
func (in *Intake) unblock(c *Conn) {
	k := c.blocked
	if k == nil {
		if c.heldBack {
			c.heldBack = false
			c.Lock()
			c.ResumeLocked(loop.PauseHandler)
			c.Unlock()
		}
		return
	}
	refusal := in.p.Queue.Admit(&c.lane, &k.ticket, k.class, k.Bytes(), in.Now())
	if refusal.OfConnection() {
		return
	}
	c.blocked, c.heldBack = nil, false
	c.Lock()
	c.ResumeLocked(loop.PauseHandler)
	c.Unlock()
	if refusal != backpressure.Accepted {
		in.refuseQueued(c, k, refusal)
		in.Flush(c)
	}
	in.p.Queue.Schedule(&c.lane)
}

// refuseQueued refuses a call that has its place already, in the order of answers and in flight: one that was set aside
// may have become an event stream meanwhile.
func (in *Intake) refuseQueued(c *Conn, k *Call, refusal backpressure.Refusal) {
	in.Msg = in.p.appendRefusal(in.Msg[:0], k, k.ID(), refusal)
	if in.Out = c.conclude(k, c.endCall(k, in.Msg), in.Out); len(in.Out) > FlushAbove {
		in.Flush(c)
	}
	c.AddPending(-1)
}

// Drained is called by the queue when a full lane fell to half.
func (c *Conn) Drained() { c.Post() }

// refuseUnread refuses a long message from its first 4 KiB if there is no room for it. It reports whether it did.
func (in *Intake) refuseUnread(c *Conn, k *Call) bool {
	p := in.p
	refusal, busy := p.Queue.Probe(&c.lane, nil, backpressure.Blocking, len(k.Raw), in.Now()), p.Queue.Busy(in.Now())
	if !c.refuses(refusal) && !busy {
		return false
	}
	codec.Peek(k.Raw, &k.Env)
	if name, ok := codec.StringOf(k.Env.Name.Of(k.Raw)); ok && busy && !c.refuses(refusal) {
		refusal = in.probeTool(c, k.View, name, len(k.Raw))
	}
	if !c.refuses(refusal) || k.Env.Kind != codec.KindRequest || !p.Engine.Queued(k.Raw, &k.Env) {
		k.Env = codec.Envelope{}
		return false // control is never refused for want of room, and what is not a request is judged by the scan
	}
	in.Refuse(k, k.ID(), refusal)
	return true
}
