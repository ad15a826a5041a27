package mount

import (
	"time"

	"weir/backpressure"
	"weir/codec"
	"weir/reactor/loop"
	"weir/reactor/mount/calls"
	"weir/reactor/mount/hop"
	"weir/reactor/mount/reason"
	"weir/registry/call"
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
		return nil, 0, m.failed(reason.FailStopped, "")
	case m.up == nil:
		return nil, 0, m.failed(reason.FailDown, m.why.String())
	}
	now := backpressure.Now()
	if ok, in := m.breaker.Allow(now); !ok {
		return nil, 0, m.failedUntil(reason.FailOpen, "", in)
	}
	at, why := m.table.Open(f, t.name, m.up.unread.Load(), now)
	if why != reason.Failures {
		return nil, 0, m.failed(why, "")
	}
	if m.table.At(at).Line == calls.Sent {
		up = m.up
	}
	return up, m.table.ID(at), nil
}

// Release implements call.Forwarder: the answer is the worker's who has passed it on, or nobody's.
func (t *entry) Release(f *call.Forwarded) {
	t.mount.answerBytes.Add(-int64(f.AnsweredBytes))
}

// cancel ends the waiting of a call whose client has taken it back. Its connection and conversation may be locked.
func (m *Mount) cancel(id uint64) {
	m.mu.Lock()
	at, ok := m.table.Find(id)
	if !ok || m.table.At(at).Of == nil {
		m.mu.Unlock()
		return
	}
	was := m.table.Take(at)
	if was.Line == calls.Sent && m.up != nil {
		m.up.tell(id)
	}
	m.mu.Unlock()
	was.Of.Failed = errCancelled
	was.Of.Settle()
}

// errCancelled is never sent: nobody waits for the answer.
var errCancelled = &codec.Error{Message: "the call was cancelled"}

// sendNext sends the calls whose turn has come. Loop only.
func (u *upstream) sendNext() {
	m := u.mount
	for {
		m.mu.Lock()
		at := calls.Nowhere
		if m.up == u {
			at = m.table.Next(u.unread.Load())
		}
		if at == calls.Nowhere {
			m.mu.Unlock()
			return
		}
		m.table.Send(at, u.Loop().Now())
		id, s := m.table.ID(at), *m.table.At(at)
		s.Of.Hold() // so that its message stays, whatever becomes of it
		m.mu.Unlock()
		u.sendCall(id, s.Name, s.Of)
		s.Of.Settle()
	}
}

// sendCall sends what stands for a client's request of the entry with this name.
func (u *upstream) sendCall(id uint64, name string, f *call.Forwarded) {
	u.wantLogs(f.Call)
	b := u.hop().AppendCall(loop.GetBuffer(len(f.Call.Raw)+hop.Room), id, name, f)
	u.Send(b)
	loop.PutBuffer(b)
}

// sendCancelled takes a request back.
func (u *upstream) sendCancelled(id uint64) {
	u.Send(hop.AppendCancelled(nil, id))
}

// expire ends the calls whose time is up, most of them at most. Loop only.
func (u *upstream) expire(now int64, most int) {
	m := u.mount
	for range most {
		m.mu.Lock()
		was, id, why := calls.Slot{}, uint64(0), reason.Failures
		if m.talking != u {
			m.mu.Unlock()
			return
		}
		if at := m.table.Late(now); at != calls.Nowhere {
			why = reason.FailWaitTimeout
			was = m.table.Take(at)
		} else if at := m.table.First(calls.Sent); at != calls.Nowhere &&
			now-m.table.At(at).Since > int64(m.opt.CallTimeout) {
			id, why = m.table.ID(at), reason.FailTimeout
			was = m.table.Take(at)
			m.breaker.Failed(now)
		}
		m.mu.Unlock()
		if why == reason.Failures {
			u.expireQuestions(now)
			return
		}
		if why == reason.FailTimeout {
			u.sendCancelled(id)
		}
		m.settleFailed(&was, why, "")
	}
}

// settleFailed settles what was at a place.
func (m *Mount) settleFailed(was *calls.Slot, why reason.Failure, detail string) {
	switch {
	case was.Own != nil:
		was.Own <- calls.Answer{Err: reason.Down(reason.EndClosed, "%s", why)}
		return
	case was.Of == nil: // it asks: its client hears of it when it answers
		return
	}
	was.Of.Failed = m.failed(why, detail)
	was.Of.Settle()
}

// lose ends every request: its upstream is gone.
func (m *Mount) lose(u *upstream, why reason.Failure) {
	m.mu.Lock()
	if m.talking != u {
		m.mu.Unlock()
		return
	}
	m.up, m.talking = nil, nil
	if why == reason.FailLost && m.table.Len(calls.Sent) > 0 {
		m.breaker.Failed(backpressure.Now())
	}
	lost := m.table.TakeAll()
	m.mu.Unlock()
	for i := range lost {
		if (lost[i].Line == calls.Waiting || lost[i].Line == calls.Held) && why == reason.FailLost {
			m.settleFailed(&lost[i], reason.FailDown, "")
			continue
		}
		m.settleFailed(&lost[i], why, "")
	}
}

// failed counts a call's failure and makes the error of it. detail, if any, says more.
func (m *Mount) failed(f reason.Failure, detail string) *codec.Error {
	return m.failedUntil(f, detail, time.Second)
}

// failedUntil is failed with when to come again.
func (m *Mount) failedUntil(f reason.Failure, detail string, after time.Duration) *codec.Error {
	m.series.failed[f].Inc()
	return f.Error(m.name, detail, after)
}
