package task

import (
	"slices"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
)

// tasks/result (MCP 2025-11-25) is answered when its task has ended. Until then it waits, without a worker. What the
// task asks its client for meanwhile goes out on the stream of one of these requests, which then waits for the answers.

// Turn is what a request for the result is to do.
type Turn uint8

// What Await returns.
const (
	Ended Turn = iota // AppendResult says with what
	Carry             // send the client what the task asks for, then call Carried
	Wait              // TaskReady is called when there is more to do
	Full              // too many wait already: it is refused
)

// Await says what w, a request for the result, is to do now. With Carry it comes with what the task asks for, by the
// keys of the wire, which nobody else is given until Carried; with Full it comes with the refusal.
func (t *Task) Await(w Waiter) (turn Turn, requests mcp.InputRequestMap, e *codec.Error) {
	t.update(func(fx *effects) {
		switch {
		case t.status.Terminal():
			turn = Ended
			return
		case t.status == InputRequired && t.carrier == nil && !t.carrying:
			t.carrying, turn = true, Carry
			requests = make(mcp.InputRequestMap, len(t.open))
			for _, r := range t.open {
				requests[r.key] = r.request
			}
			return
		}
		if why := t.table.addWait(w, len(t.waiters)); why != refusals {
			turn, e, fx.refused = Full, t.table.refusal(why, w.Bytes()), t.table.m.refused[why]
			return
		}
		t.waiters, turn = append(t.waiters, w), Wait
	})
	return turn, requests, e
}

// Awaited says whether requests wait for the result.
func (t *Task) Awaited() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.waiters) > 0
}

// GiveUp ends the waiting of a request that was cancelled or whose client is gone: its TaskReady is called, unless it
// was before.
func (t *Task) GiveUp(w Waiter) {
	t.update(func(fx *effects) {
		if i := slices.Index(t.waiters, w); i >= 0 {
			t.waiters = slices.Delete(t.waiters, i, i+1)
			fx.waiters = []Waiter{w}
		}
	})
}

// Carried ends what Carry began: c has sent what the task asks for, or could not; then another request is to try.
func (t *Task) Carried(c Carrier, sent bool) {
	t.update(func(fx *effects) {
		t.carrying = false
		switch {
		case !sent:
			t.wakeLocked(fx)
		case t.status.Terminal():
			fx.carrier = c
		default:
			t.carrier = c
		}
	})
}

// Unanswered lets another request carry what c got no answers to.
func (t *Task) Unanswered(c Carrier) {
	t.update(func(fx *effects) {
		if t.carrier == c {
			t.carrier = nil
		}
		t.wakeLocked(fx)
	})
}
