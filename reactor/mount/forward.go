package mount

import (
	"fmt"
	"strconv"
	"time"

	"weir/backpressure"
	"weir/codec"
	"weir/reactor/loop"
	"weir/registry/call"
	"weir/registry/protocol"
)

// How a call goes to its mount and comes back. A worker forwards it, or leaves it in line; the upstream's loop sends
// what is in line, and settles what was answered.

// entry is something that a mount offers, as the registry forwards its calls.
type entry struct {
	mount *Mount
	name  string // as the upstream has it: a name, a URI or the text of a template
}

// Origin says whose it is, and its name there (finder.Forwarded).
func (t *entry) Origin() (mount, name string) { return t.mount.name, t.name }

// Forward implements call.Forwarder.
func (t *entry) Forward(f *call.Forwarded) *codec.Error {
	m := t.mount
	if f.State != "" {
		return t.goOn(f)
	}
	f.Bytes = slotBytes + len(f.Call.Raw)
	up, id, e := m.admit(t, f)
	if e != nil {
		return e
	}
	m.series.calls.Inc()
	f.Cancel = func() { m.cancel(id) }
	f.Call.Suspend(&f.Suspension)
	if up == nil || f.Call.Cancelled() {
		return nil
	}
	up.sendCall(id, t.name, f)
	if f.Call.Cancelled() { // its cancellation may have gone before it
		up.sendCancelled(id)
	}
	return nil
}

// slotBytes is about what a call takes beside its message.
const slotBytes = 256

// admit gives a call its place. up is where it is to be sent now; nil: it waits for its turn.
func (m *Mount) admit(t *entry, f *call.Forwarded) (up *upstream, id uint64, e *codec.Error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.stopping:
		return nil, 0, m.failed(failStopped, "")
	case m.up == nil:
		return nil, 0, m.failed(failDown, m.why.String())
	}
	if ok, in := m.breaker.Allow(backpressure.Now()); !ok {
		return nil, 0, m.failedUntil(failOpen, "", in)
	}
	c := m.table.clientOf(f.Call)
	to, why := m.placeLocked(c, f.Bytes)
	if why != failures {
		if c.slots == 0 {
			delete(m.table.clients, c.key)
		}
		return nil, 0, m.failed(why, "")
	}
	at := m.openLocked(c, f, t.name, to)
	if to == sent {
		up = m.up
	}
	return up, m.table.id(at), nil
}

func (m *Mount) hasRoomLocked() bool {
	return m.table.queues[sent].n+m.askingLocked() < m.opt.inFlight() && !m.up.unread.Load()
}

// askingLocked is how many calls have a connection beside those that are sent: one that asks its client keeps its own.
func (m *Mount) askingLocked() int {
	if m.opt.URL == "" {
		return 0
	}
	return m.table.queues[asking].n
}

// Release implements call.Forwarder: the answer is the worker's who has passed it on, or nobody's.
func (t *entry) Release(f *call.Forwarded) {
	t.mount.answerBytes.Add(-int64(f.AnsweredBytes))
}

// cancel ends the waiting of a call whose client has taken it back. Its connection and conversation may be locked.
func (m *Mount) cancel(id uint64) {
	m.mu.Lock()
	at, ok := m.table.find(id)
	if !ok || m.table.slots[at].of == nil {
		m.mu.Unlock()
		return
	}
	was := m.takeLocked(at)
	if was.line == sent && m.up != nil {
		m.up.tell(id)
	}
	m.mu.Unlock()
	was.of.Failed = errCancelled
	was.of.Settle()
}

// errCancelled is never sent: nobody waits for the answer.
var errCancelled = &codec.Error{Message: "the call was cancelled"}

// sendNext sends the calls whose turn has come. Loop only.
func (u *upstream) sendNext() {
	m := u.mount
	for {
		m.mu.Lock()
		at := nowhere
		if m.up == u {
			at = m.nextLocked()
		}
		if at == nowhere {
			m.mu.Unlock()
			return
		}
		m.table.dequeue(at)
		m.table.enqueue(at, sent, u.Loop().Now())
		id, s := m.table.id(at), m.table.slots[at]
		s.of.Hold() // so that its message stays, whatever becomes of it
		m.mu.Unlock()
		u.sendCall(id, s.name, s.of)
		s.of.Settle()
	}
}

// sendCall sends what stands for a client's request of the entry with this name.
func (u *upstream) sendCall(id uint64, name string, f *call.Forwarded) {
	u.wantLogs(f.Call)
	b := u.appendCall(loop.GetBuffer(len(f.Call.Raw)+callRoom), id, name, f)
	u.Send(b)
	loop.PutBuffer(b)
}

// sendCancelled takes a request back.
func (u *upstream) sendCancelled(id uint64) {
	u.Send(appendCancelled(nil, id))
}

// expire ends the calls whose time is up, most of them at most. Loop only.
func (u *upstream) expire(now int64, most int) {
	m := u.mount
	for range most {
		m.mu.Lock()
		was, id, why := slot{}, uint64(0), failures
		if m.talking != u {
			m.mu.Unlock()
			return
		}
		if at := m.lateLocked(now); at != nowhere {
			why = failWaitTimeout
			was = m.takeLocked(at)
		} else if at := m.table.queues[sent].first; at != nowhere && now-m.table.slots[at].since > int64(m.opt.CallTimeout) {
			id, why = m.table.id(at), failTimeout
			was = m.takeLocked(at)
			m.breaker.Failed(now)
		}
		m.mu.Unlock()
		if why == failures {
			u.expireQuestions(now)
			return
		}
		if why == failTimeout {
			u.sendCancelled(id)
		}
		was.fail(m, why, "")
	}
}

// fail settles what was in a slot.
func (s *slot) fail(m *Mount, why Failure, detail string) {
	switch {
	case s.own != nil:
		s.own <- answer{err: down(endClosed, "%s", why)}
		return
	case s.of == nil: // it asks: its client hears of it when it answers
		return
	}
	s.of.Failed = m.failed(why, detail)
	s.of.Settle()
}

// lose ends every request: its upstream is gone.
func (m *Mount) lose(u *upstream, why Failure) {
	m.mu.Lock()
	if m.talking != u {
		m.mu.Unlock()
		return
	}
	m.up, m.talking = nil, nil
	if why == failLost && m.table.queues[sent].n > 0 {
		m.breaker.Failed(backpressure.Now())
	}
	var lost []slot
	for i := range m.table.queues {
		for q := &m.table.queues[i]; q.first != nowhere; {
			lost = append(lost, m.table.take(q.first))
		}
	}
	for _, c := range m.table.clients {
		for c.held.n > 0 {
			lost = append(lost, m.table.take(c.held.first))
		}
	}
	m.mu.Unlock()
	for i := range lost {
		if (lost[i].line == waiting || lost[i].line == held) && why == failLost {
			lost[i].fail(m, failDown, "")
			continue
		}
		lost[i].fail(m, why, "")
	}
}

// failed counts a call's failure and makes the error of it. detail, if any, says more.
func (m *Mount) failed(f Failure, detail string) *codec.Error {
	return m.failedUntil(f, detail, time.Second)
}

// failedUntil is failed with when to come again.
func (m *Mount) failedUntil(f Failure, detail string, after time.Duration) *codec.Error {
	m.series.failed[f].Inc()
	text := fmt.Sprintf(failureTexts[f], m.name)
	data := codec.AppendQuoted([]byte(`{"reason":`), f.String())
	data = codec.AppendQuoted(append(data, `,"mount":`...), m.name)
	if detail != "" {
		text += ": " + protocol.Clip(detail)
	}
	if f.executed() {
		data = append(data, `,"executed":true}`...)
	} else {
		data = strconv.AppendInt(append(data, `,"retryAfterMs":`...), max(1, after.Milliseconds()), 10)
		data = append(data, `,"executed":false}`...)
	}
	return &codec.Error{Code: codec.CodeInternal, Message: text, Data: data}
}
