package task

import (
	"slices"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
)

// tasks/result (MCP 2025-11-25) is answered when its task has ended. Until then it waits, without a worker. What the
// task asks its client for meanwhile goes out on the stream of one of these requests, which then waits for the
// answers.

// Waiter is a request for the result that waits until there is more to do for it. Comparable, as a pointer is.
type Waiter interface {
	// TaskReady is called once: the task has ended or asks for something, or does not want to be waited for any more. Any
	// goroutine, without a lock of the task; it must not block.
	TaskReady()
}

// Asker is a request for the result that carries the task's questions to its client. Comparable, as a pointer is.
type Asker interface {
	// TaskEnded says that the answers are not wanted any more. Any goroutine, without a lock of the task; it must not
	// block.
	TaskEnded()
}

// Turn is what a request for the result is to do.
type Turn uint8

// What Await returns.
const (
	Ended Turn = iota // AppendResult says with what
	Asks              // send the questions to the client, then call Asked
	Waits             // TaskReady is called when there is more to do
	Full              // of those that wait already: it is refused
)

// Await says what w, a request for the result, is to do now. With Asks it comes with the questions, by the keys of
// the wire, which nobody else is given until Asked; with Full it comes with the refusal.
func (t *Task) Await(w Waiter) (turn Turn, questions mcp.InputRequestMap, e *codec.Error) {
	t.update(func(fx *effects) {
		switch {
		case t.status.Terminal():
			turn = Ended
		case t.status == InputRequired && t.asker == nil && !t.asking:
			t.asking, turn = true, Asks
			questions = make(mcp.InputRequestMap, len(t.questions))
			for _, q := range t.questions {
				questions[q.key] = q.request
			}
		case !t.table.addWait(len(t.waiters)):
			turn, e, fx.refused = Full, errWaits, t.table.m.refused[refusedWait]
		default:
			t.waiters, turn = append(t.waiters, w), Waits
		}
	})
	return turn, questions, e
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

// Asked ends what Asks began: a has sent the questions, or could not; then another request is to try.
func (t *Task) Asked(a Asker, sent bool) {
	t.update(func(fx *effects) {
		t.asking = false
		switch {
		case !sent:
			t.wakeLocked(fx)
		case t.status.Terminal():
			fx.asker = a
		default:
			t.asker = a
		}
	})
}

// Disown lets another request ask what a, which was Asked with, did not get answered.
func (t *Task) Disown(a Asker) {
	t.update(func(fx *effects) {
		if t.asker == a {
			t.asker = nil
		}
		t.wakeLocked(fx)
	})
}
