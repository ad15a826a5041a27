package task

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/protocol"
)

// Task is one task. Safe for concurrent use; not to be copied.
type Task struct {
	table        *Table
	call         Call
	id           string // 26 characters of base32, at least 128 random bits: without authentication, who knows it owns it
	principal    string // whose it is; "" is anybody
	modern       bool
	requestBytes int // of the message that the call keeps
	created      time.Time
	ttl          time.Duration

	// Guarded by Table.mu.
	owner  *owner
	number uint64 // among its owner's

	expiry atomic.Int64 // since Table.epoch: when it is forgotten
	// used are the keys of all that its handler has asked for: none may come back (SEP-2663). They belong to the worker
	// that runs the handler, and to whoever holds mu while none does.
	used map[string]struct{}

	mu        sync.Mutex
	status    Status
	queued    bool // it is in line for a worker
	running   bool // a worker has it
	forgotten bool // it is in no table any more
	message   string
	updated   time.Time
	held      int            // bytes on the books
	payload   payload        // of a terminal task
	open      []inputRequest // of its handler, without an answer
	state     string         // that the handler remembers meanwhile
	responses mcp.InputResponseMap
	rounds    int // how often it has asked
	waiters   []Waiter
	carrier   Carrier // of what is open, to a client of 2025-11-25
	carrying  bool    // somebody is about to
	watchers  []Watcher
}

// payload is what a task ended with: the result of the call, or the error of a call that was answered with one.
type payload struct {
	json    []byte
	isError bool
}

// inputRequest is one thing that the handler asks of the client's user, model or file system.
type inputRequest struct {
	key     string // on the wire
	asked   string // the handler's key
	request mcp.InputRequest
	encoded []byte
}

// ID is the task's id, which its client names it by.
func (t *Task) ID() string { return t.id }

// Modern says whether the task is of the extension of 2026-07-28, else of 2025-11-25.
func (t *Task) Modern() bool { return t.modern }

// Status is where the task stands now.
func (t *Task) Status() Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.status
}

// effects are what follows from a change of a task. They run once its lock is released, for they take the locks of
// others.
type effects struct {
	ended    bool // it is terminal since now:
	how      Ending
	left     bool // it is in the table no more:
	leftTo   []Watcher
	refused  *metrics.Counter
	released bool      // the call's message is needed no more
	cancel   bool      // the handler is to be told
	waiters  []Waiter  // they go on
	watchers []Watcher // they hear of it
	carrier  Carrier   // its client's answers are not wanted any more
}

// update is the gate through which every task changes: change runs under the task's lock and says what follows, which
// is done when the lock is released.
func (t *Task) update(change func(fx *effects)) {
	var fx effects
	t.locked(func() { change(&fx) })
	if fx.refused != nil {
		fx.refused.Inc()
	}
	if fx.ended {
		t.table.m.ended[fx.how].Inc()
	}
	if fx.released {
		t.call.Release()
	}
	if fx.left {
		t.table.leave(t)
	}
	t.table.wake(fx.waiters)
	for _, w := range fx.leftTo {
		w.Drop()
	}
	for _, w := range fx.watchers {
		w.Owe()
	}
	if fx.carrier != nil {
		fx.carrier.TaskEnded()
	}
	if fx.cancel {
		t.call.Cancel()
	}
}

func (t *Task) locked(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f()
}

// changedLocked notes that the task is not what it was: who waits goes on unless it works, who watches hears of it.
func (t *Task) changedLocked(fx *effects) {
	t.updated = time.Now()
	if t.status != Working {
		t.wakeLocked(fx)
	}
	fx.watchers = slices.Clone(t.watchers)
}

func (t *Task) wakeLocked(fx *effects) {
	fx.waiters = append(fx.waiters, t.waiters...)
	t.waiters = nil
}

// endLocked makes the task terminal, which it is not yet. It is the one way there.
func (t *Task) endLocked(fx *effects, how Ending, p payload, message string) {
	t.status, t.payload, t.message = endingStatus[how], p, message
	t.open, t.responses, t.state = nil, nil, ""
	t.releaseLocked(fx)
	fx.ended, fx.how, fx.carrier = true, how, t.carrier
	t.changedLocked(fx)
}

// releaseLocked gives up what a terminal task needs no more, once no worker has it.
func (t *Task) releaseLocked(fx *effects) {
	if t.running {
		return
	}
	t.used, fx.released = nil, true
	t.chargeLocked(len(t.payload.json))
}

// fail ends a task that may have a handler running, which is told; false: it had ended before.
func (t *Task) fail(how Ending, e *codec.Error) (ours bool) {
	t.update(func(fx *effects) {
		if ours = !t.status.Terminal(); ours {
			t.endLocked(fx, how, errorPayload(e), protocol.Clip(e.Message))
			fx.cancel = true
		}
	})
	return ours
}

// Cancel ends the task at its client's wish, at once, whatever its handler does about it; false: it had ended before.
func (t *Task) Cancel() bool { return t.fail(EndedByRequest, errCancelled) }

// Fail ends the task with an error, and tells its handler; false: it had ended before.
func (t *Task) Fail(e *codec.Error) bool { return t.fail(EndedError, e) }

// Note gives a task that works its status message, for people.
func (t *Task) Note(message string) {
	t.update(func(fx *effects) {
		if t.status == Working {
			t.message = protocol.Clip(message)
			t.changedLocked(fx)
		}
	})
}

// errorPayload encodes an error as the error object of a response.
func errorPayload(e *codec.Error) payload {
	return payload{json: codec.Member(codec.AppendError(nil, nil, e), "error"), isError: true}
}
