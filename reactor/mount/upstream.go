package mount

import (
	"bytes"
	"math"
	"net/netip"
	"strconv"

	"weir/backpressure"
	"weir/codec"
	"weir/reactor/loop"
	"weir/reactor/mount/calls"
	"weir/reactor/mount/hop"
	"weir/reactor/mount/reason"
	"weir/registry/call"
	"weir/registry/protocol"
)

func newUpstream(m *Mount, l *loop.Loop, fd int) *upstream {
	u := &upstream{mount: m, over: make(chan struct{}), changed: make(chan struct{}, 1),
		follows: make(chan struct{}, 1), following: map[string]bool{}}
	u.level.Store(quiet)
	// No deadline of clients is held against it; its calls have theirs.
	u.Init(l, &loop.Listener{Name: "mount", Patient: true}, int32(fd), netip.Addr{}, u)
	return u
}

// Decode implements loop.Handler.
func (u *upstream) Decode(b []byte) (used int) {
	for {
		if u.skipping {
			n, over := u.skipOn(b[used:])
			if used += n; !over {
				break
			}
			continue
		}
		msg, n, err := u.decoder.Next(b[used:], u.mount.opt.MaxLineBytes)
		if err != nil {
			u.skipFrom(b[used:])
			continue
		}
		if n == 0 {
			break
		}
		if used += n; msg != nil {
			u.hear(msg)
		}
	}
	u.sendNext()
	return used
}

// hear serves one line.
func (u *upstream) hear(msg []byte) {
	limits := &u.mount.of.json
	if err := codec.Scan(msg, &u.env, limits); err != nil {
		if id, ok := readID(u.env.ID.Of(msg)); ok && u.env.Kind == codec.KindInvalid && msg[0] == '{' {
			u.settle(id, nil, reason.FailAnswer, err.Error())
			return
		}
		u.drop(reason.DropNoMCP)
		u.strange.CompareAndSwap(nil, string(msg[:min(len(msg), 200)]))
		return
	}
	u.heard.Store(true)
	switch u.env.Kind {
	case codec.KindResponse:
		u.answered(msg)
	case codec.KindRequest:
		u.asked(msg)
	default:
		u.told(msg)
	}
}

func (u *upstream) drop(why reason.Dropped) { u.mount.series.dropped[why].Inc() }

// readID reads an id of ours, which are numbers.
func readID(token []byte) (id uint64, ok bool) {
	id, err := strconv.ParseUint(string(token), 10, 64)
	return id, err == nil && id <= math.MaxInt64
}

// answered gives a response to whoever waits for it.
func (u *upstream) answered(msg []byte) {
	id, ok := readID(u.env.ID.Of(msg))
	if !ok {
		u.drop(reason.DropLate)
		return
	}
	if failure := u.env.Error.Of(msg); failure != nil {
		u.settleError(id, failure)
		return
	}
	u.settle(id, u.env.Result.Of(msg), reason.Failures, "")
}

// take closes the place of an id, whatever waits there. broken: the connection was, and its server has not answered.
func (u *upstream) take(id uint64, broken bool) (calls.Slot, bool) {
	m := u.mount
	m.mu.Lock()
	defer m.mu.Unlock()
	at, ok := m.table.Find(id)
	if !ok || m.talking != u || m.table.At(at).Line <= calls.Held || m.table.At(at).Line == calls.Asking {
		u.drop(reason.DropLate)
		return calls.Slot{}, false
	}
	if broken {
		m.breaker.Failed(backpressure.Now())
	} else {
		m.breaker.Answered()
	}
	return m.table.Take(at), true
}

// settle ends the request with a result, or with a failure and what there is to say of it.
func (u *upstream) settle(id uint64, result []byte, why reason.Failure, detail string) {
	was, ok := u.take(id, false)
	m := u.mount
	switch {
	case !ok:
	case was.Own != nil && why != reason.Failures:
		was.Own <- calls.Answer{Err: reason.Down(reason.EndNoMCP, "%s", detail)}
	case was.Own != nil:
		was.Own <- calls.Answer{Result: bytes.Clone(result)}
	case why != reason.Failures:
		m.settleFailed(&was, why, detail)
	case asksForInput(result, u.revision):
		m.settleFailed(&was, reason.FailAsks, "")
	case !m.keeps(was.Of, len(result)):
		m.settleFailed(&was, reason.FailAnswer, answersFull)
	default:
		was.Of.Result, was.Of.Revision = bytes.Clone(result), u.revision
		was.Of.Settle()
	}
}

const answersFull = "answers hold as much as they may (max_bytes)"

// keeps books n bytes of what came for a call, unless there is no room.
func (m *Mount) keeps(f *call.Forwarded, n int) bool {
	if m.answerBytes.Add(int64(n)) > int64(m.opt.MaxBytes) {
		m.answerBytes.Add(-int64(n))
		return false
	}
	f.AnsweredBytes = n
	return true
}

func (u *upstream) isModern() bool { return protocol.RevisionAt(int(u.revision)).Modern }

// hop is how requests go to it.
func (u *upstream) hop() hop.Hop {
	return hop.Hop{Modern: u.isModern(), Meta: u.mount.of.modernMeta, Logs: u.logs}
}

// asksForInput says whether a result of the modern era asks for something first (MCP 2026-07-28, basic/patterns/mrtr).
func asksForInput(result []byte, revision uint8) bool {
	return protocol.RevisionAt(int(revision)).Modern && bytes.Contains(result, []byte(`"input_required"`)) &&
		string(codec.Member(result, "resultType")) == `"input_required"`
}

// settleError ends the request with the upstream's error.
func (u *upstream) settleError(id uint64, failure []byte) {
	was, ok := u.take(id, false)
	if !ok {
		return
	}
	if was.Own != nil {
		was.Own <- calls.Answer{Err: reason.Because(reason.EndRefused, readError(failure))}
		return
	}
	if !u.mount.keeps(was.Of, len(failure)) {
		u.mount.settleFailed(&was, reason.FailAnswer, answersFull)
		return
	}
	was.Of.Failed = hop.Translated(was.Of, readError(failure))
	was.Of.Settle()
}

// readError reads an error object. Its text is bounded by the line.
func readError(object []byte) *codec.Error {
	e := &codec.Error{Code: codec.CodeInternal}
	if code, err := strconv.Atoi(string(codec.Member(object, "code"))); err == nil {
		e.Code = code
	}
	message, _ := codec.StringOf(codec.Member(object, "message"))
	e.Message = string(message)
	e.Data = bytes.Clone(codec.Member(object, "data"))
	return e
}

// asked answers a request of the upstream's.
func (u *upstream) asked(msg []byte) {
	id := u.env.ID.Of(msg)
	if method, _ := codec.StringOf(u.env.Method.Of(msg)); string(method) == "ping" {
		u.Send(append(codec.AppendResult(nil, id, []byte("{}")), '\n'))
		return
	}
	if u.question(msg) {
		return
	}
	u.drop(reason.DropUnsaid)
	u.Send(append(codec.AppendError(nil, id, protocol.MethodNotFound(u.env.Method.Of(msg))), '\n'))
}

// told hears a notification.
func (u *upstream) told(msg []byte) {
	switch method, _ := codec.StringOf(u.env.Method.Of(msg)); string(method) {
	case "notifications/progress":
		u.progressed(u.env.Params.Of(msg))
	case "notifications/message":
		u.logged(u.env.Params.Of(msg))
	case "notifications/resources/updated":
		u.updated(u.env.Params.Of(msg))
	case "notifications/subscriptions/acknowledged":
	case protocol.ListTools.ChangedMethod():
		u.listChanged(protocol.ListTools)
	case protocol.ListPrompts.ChangedMethod():
		u.listChanged(protocol.ListPrompts)
	case protocol.ListResources.ChangedMethod():
		u.listChanged(protocol.ListResources)
	default:
		u.drop(reason.DropUnsaid)
	}
}

// progressed passes progress on to the client of the call, under the token that the client gave.
func (u *upstream) progressed(params []byte) {
	id, ok := readID(codec.Member(params, "progressToken"))
	if !ok {
		u.drop(reason.DropLate)
		return
	}
	m := u.mount
	m.mu.Lock()
	at, ok := m.table.Find(id)
	if !ok || m.table.At(at).Line != calls.Sent {
		m.mu.Unlock()
		u.drop(reason.DropLate)
		return
	}
	f := m.table.At(at).Of
	f.Hold() // so that the call stays while its client is told, which must not be done with the mount locked
	m.mu.Unlock()
	if c := f.Call; c.Env.ProgressToken.Present() && !c.Cancelled() {
		c.Responder.Send(hop.AppendProgress(nil, c, params))
	}
	f.Settle()
}

// tell has the upstream told that a call was cancelled. The mount is locked.
func (u *upstream) tell(id uint64) {
	u.taken = append(u.taken, id)
	u.Post()
}

// Ready implements loop.Handler.
func (u *upstream) Ready() {
	m := u.mount
	m.mu.Lock()
	taken := u.taken
	u.taken = nil
	m.mu.Unlock()
	for _, id := range taken {
		u.sendCancelled(id)
	}
	u.ReadOn()
	u.sendNext()
}

// expiredPerTick bounds how many calls are ended in a row.
const expiredPerTick = 128

// Tick implements loop.Handler.
func (u *upstream) Tick(loop.Waiting, int64) (loop.Reason, bool) {
	u.expire(u.Loop().Now(), expiredPerTick)
	u.sendNext()
	return loop.StillOpen, false
}

// Throttle implements loop.Handler: who does not read is sent nothing more. The connection is locked.
func (u *upstream) Throttle(unread bool) {
	u.unread.Store(unread)
	if !unread {
		u.Post()
	}
}

// GoAway implements loop.Handler.
func (u *upstream) GoAway(loop.Reason) bool { return false }

// EOF implements loop.Handler: a last line without its end is none.
func (u *upstream) EOF([]byte) {}

// Closed implements loop.Handler.
func (u *upstream) Closed(loop.Reason) {
	u.mount.lose(u, reason.FailLost)
	close(u.over)
}

// end closes our half, and the connection when the other side has closed its own, or does not soon.
func (u *upstream) end() { u.Loop().Do(closing{u}) }

// closing is the end of an upstream as a loop's job.
type closing struct{ *upstream }

// OnLoop implements loop.Job.
func (e closing) OnLoop(*loop.Loop) {
	if !e.Finished() {
		e.EndAfterAnswers(loop.CloseRequested)
		e.Settle()
	}
}

// A line above max_line_bytes is skipped. The call that it answers ends, if its id is where programs put it, at the
// beginning or at the end.

// longTailBytes of a long line are kept, in which its last member is found.
const longTailBytes = 1 << 10

func (u *upstream) skipFrom(b []byte) {
	u.decoder, u.skipping = codec.LineDecoder{}, true
	codec.Peek(b, &u.env)
	u.longID = bytes.Clone(u.env.ID.Of(b))
	u.drop(reason.DropLong)
}

func (u *upstream) skipOn(b []byte) (n int, over bool) {
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		return max(0, len(b)-longTailBytes), false
	}
	if len(u.longID) == 0 {
		tail := bytes.TrimRight(b[:end], "\r")
		u.longID = codec.PeekEnd(tail).Of(tail)
	}
	if id, ok := readID(u.longID); ok {
		u.settle(id, nil, reason.FailAnswer, "its line is longer than max_line_bytes")
	}
	u.longID, u.skipping = nil, false
	return end + 1, true
}
