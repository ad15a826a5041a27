package mount

import (
	"bytes"
	"strconv"
	"strings"

	"weir/backpressure"
	"weir/codec"
	"weir/reactor/mount/calls"
	"weir/reactor/mount/reason"
	"weir/registry/call"
)

// What a legacy upstream asks a client for while it works: an elicitation, a sampling, its roots. The call goes on at
// the client, which is asked in the way of its era; meanwhile its place in the table is kept, under which the answer
// comes back, maybe with another request (registry/engine/forward.go).

// clientCapabilities are what an upstream is told that its client can be asked for: all there is, because it is greeted
// once for all clients. Who cannot answer is not asked, and its call ends with that.
const clientCapabilities = `{"elicitation":{"form":{},"url":{}},"sampling":{"tools":{}},"roots":{}}`

// questions are the requests that are passed on.
var questions = map[string]bool{"elicitation/create": true, "sampling/createMessage": true, "roots/list": true}

var errWhose = &codec.Error{Code: codec.CodeInternal,
	Message: "it cannot be told which call asks: there is not exactly one call in progress"}

// question passes a request on to the client of the one call that is in progress, or refuses it; false: it is none that
// is passed on. The protocol does not say which call a request on a line belongs to.
func (u *upstream) question(msg []byte) bool {
	method := u.env.Method.Of(msg)
	if name, _ := codec.StringOf(method); !questions[string(name)] {
		return false
	}
	q := &calls.Question{ID: bytes.Clone(u.env.ID.Of(msg)),
		Asked: &call.Asked{Method: bytes.Clone(method), Params: bytes.Clone(u.env.Params.Of(msg))}}
	f := u.takeAsking(q)
	if f == nil {
		u.drop(reason.DropUnsaid)
		u.Send(append(codec.AppendError(nil, q.ID, errWhose), '\n'))
		return true
	}
	f.Settle()
	return true
}

// takeAsking takes the one call that is in progress away from the upstream, to ask for q; nil if there is not one.
func (u *upstream) takeAsking(q *calls.Question) *call.Forwarded {
	m := u.mount
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.up != u {
		return nil
	}
	at, named := u.asksLocked(q)
	if !named && m.table.Len(calls.Sent) != 1 || at == calls.Nowhere {
		return nil
	}
	f := m.table.Ask(at, q, u.Loop().Now())
	f.Asks, f.State = q.Asked, m.of.nonce+strconv.FormatUint(m.table.ID(at), 10)
	return f
}

// findLocked is the place of a call that asks, by its state.
func (m *Mount) findLocked(state string) (at calls.Place, id uint64, ok bool) {
	text, ours := strings.CutPrefix(state, m.of.nonce)
	id, err := strconv.ParseUint(text, 10, 64)
	if !ours || err != nil || m.up == nil {
		return calls.Nowhere, 0, false
	}
	at, ok = m.table.Find(id)
	return at, id, ok && m.table.At(at).Question != nil
}

// goOn sends the upstream what a client has answered, and f waits in the call's place; without an answer it asks again.
func (t *entry) goOn(f *call.Forwarded) *codec.Error {
	m := t.mount
	f.Bytes = slotBytes + len(f.Call.Raw)
	m.mu.Lock()
	at, id, ok := m.findLocked(f.State)
	if !ok || m.table.At(at).Name != t.name || m.stopping {
		m.mu.Unlock()
		return m.failed(reason.FailLost, "the call that asked is over there")
	}
	q, u := m.table.At(at).Question, m.up
	if f.Answer != nil {
		m.table.Resume(at, f, backpressure.Now())
	} else {
		f.Asks = q.Asked
	}
	m.mu.Unlock()
	f.Cancel = func() { m.cancel(id) }
	f.Call.Suspend(&f.Suspension)
	if f.Answer == nil {
		f.Cancel = func() {}
		f.Settle()
		return nil
	}
	u.Send(append(codec.AppendResult(nil, q.ID, f.Answer), '\n'))
	return nil
}

// GiveUp implements call.Forwarder.
func (t *entry) GiveUp(state string) {
	m := t.mount
	m.mu.Lock()
	at, id, ok := m.findLocked(state)
	u := m.up
	var q *calls.Question
	if ok {
		q = m.table.Take(at).Question
	}
	m.mu.Unlock()
	if ok {
		u.giveUp(q, id)
	}
}

var errUnanswered = &codec.Error{Code: codec.CodeInternal, Message: "the client did not answer"}

// giveUp tells the upstream that it will not be answered, and that the call is taken back.
func (u *upstream) giveUp(q *calls.Question, id uint64) {
	u.Send(append(codec.AppendError(nil, q.ID, errUnanswered), '\n'))
	u.sendCancelled(id)
}

// expireQuestions gives up a call that has asked for too long.
func (u *upstream) expireQuestions(now int64) {
	m := u.mount
	m.mu.Lock()
	at := m.table.First(calls.Asking)
	if m.talking != u || at == calls.Nowhere || now-m.table.At(at).Since <= int64(m.opt.ClientRequestTimeout) {
		m.mu.Unlock()
		return
	}
	id := m.table.ID(at)
	q := m.table.Take(at).Question
	m.mu.Unlock()
	u.giveUp(q, id)
}
