package registry

import (
	"bytes"
	"crypto/rand"
	"sync"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/protocol"
)

// A task is a tools/call that goes on without the request that began it: the client gets an id at once and asks for the
// rest when it likes (MCP 2025-11-25, basic/utilities/tasks; SEP-2663 since 2026-07-28). The registry owns it: no
// connection and no session does, so none ends it. Its handler runs on the server's workers like any other (Server.QueueTask);
// while it waits for its client a task is some memory and nothing else.
//
// The files: tasks.go the tool's side and how one begins, task_run.go what becomes of it, task_table.go who has how many,
// task_wire.go its methods, task_result.go who waits for its end, task_watch.go who hears of it.

// TaskSupport says whether the calls of a tool may run as tasks.
type TaskSupport uint8

const (
	// TaskForbidden is the default: calls are answered with their result.
	TaskForbidden TaskSupport = iota
	// TaskOptional runs calls as tasks for clients that can have some: in 2025-11-25 those that ask for it, in 2026-07-28
	// all that declare the extension.
	TaskOptional
	// TaskRequired refuses the others in these two revisions, with -32601 and -32021. Earlier clients cannot know of tasks
	// and are answered with the result.
	TaskRequired
)

// String is the word for it in tools/list.
func (s TaskSupport) String() string { return [...]string{"forbidden", "optional", "required"}[s] }

// Tasks lets the calls of a tool run as tasks; it means nothing for other handlers. The handler is the same for both: it
// may ask for input, its result, error or panic becomes the task's, its context ends when the task is cancelled, when its
// time (Options.TaskTTL) is up, and when the server stops. What it tells with Progress the task shows as its status message.
func Tasks(s TaskSupport) HandlerOption { return func(h *handler) { h.tasks = s } }

// AskFirst has a tool with Tasks ask while its client still waits, in 2026-07-28 only: a call that brings no answers runs
// its handler for an input_required result, the one that comes back with them becomes the task. A handler that has
// nothing to ask then answers the first call. Without AskFirst everything is asked for within the task.
func AskFirst() HandlerOption { return func(h *handler) { h.asksFirst = true } }

// Task is one task. A transport queues it and calls Run; everything else is the registry's. Safe for concurrent use.
type Task struct {
	r       *Registry
	id      string // 26 characters of base32, at least 128 random bits: without authentication, who knows it owns it
	owner   *taskOwner
	number  uint64 // among its owner's
	created time.Time
	ttl     time.Duration
	// x is the call. Its message is a copy, and its way back is the task. It belongs to the worker that runs the handler,
	// and to whoever holds mu while none does.
	x      Exchange
	expiry atomic.Int64 // since Registry.epoch: when it is forgotten
	// asks are what the handler that runs wants to know: its worker's.
	asks struct {
		requests mcp.InputRequestMap
		state    string
	}

	mu        sync.Mutex
	status    taskStatus
	queued    bool // it is in line for one
	running   bool // a worker has it
	gone      bool // forgotten
	message   string
	updated   time.Time
	held      int        // bytes on the books
	payload   payload    // of a terminal task
	questions []question // that wait for answers
	state     string     // that the handler remembers meanwhile
	responses mcp.InputResponseMap
	rounds    int
	used      map[string]struct{} // keys of all questions so far: none may come back (SEP-2663)
	waiters   []*ask              // tasks/result requests, parked
	asker     *ask                // the one that carries the questions to a legacy client
	asking    bool                // one is about to
	watchers  []*watch
}

// payload is what a task ended with: the result of the call, or the error of a call that was answered with one.
type payload struct {
	json    []byte
	isError bool
}

// taskStatus is where a task stands; the terminal ones are for ever.
type taskStatus uint8

const (
	taskWorking taskStatus = iota
	taskInputRequired
	taskCompleted
	taskFailed
	taskCancelled
	taskStatuses
)

var taskStatusNames = [taskStatuses]string{"working", "input_required", "completed", "failed", "cancelled"}

func (s taskStatus) terminal() bool { return s >= taskCompleted }

// taskBytes is about what a task keeps beside its request, questions and result.
const taskBytes = 2048

// offerTasks: from the first tool with tasks on the server says that it has some.
func (r *Registry) offerTasks() {
	r.declare(capabilityTasks)
	r.tasks.offered.Store(true)
}

// queueTask hands t to the workers. Needs t.mu.
func (r *Registry) queueTask(t *Task) *codec.Error {
	s := r.server.Load()
	if s == nil {
		return errNoTaskWorkers
	}
	e := (*s).QueueTask(t)
	t.queued = t.queued || e == nil
	return e
}

// Class is on which workers the task runs. While it waits to Run.
func (t *Task) Class() Class { return t.x.tool.class }

// Bytes is how long the message is that the task keeps. While it waits to Run.
func (t *Task) Bytes() int { return len(t.x.Raw) }

// declaresTasks says whether the request's client can have tasks (2026-07-28).
func (x *Exchange) declaresTasks() bool {
	value := memberOf(memberOf(x.Env.ClientCapabilities.Of(x.Raw), "extensions"), keyTasks)
	return value != nil && value[0] == '{'
}

// routeCall decides whether a tools/call becomes a task.
func (x *Exchange) routeCall(t *tool) (Class, *codec.Error) {
	switch x.rev().Tasks {
	case protocol.TasksExtension:
		answers := x.Env.InputResponses.Of(x.Raw) != nil || x.Env.RequestState.Of(x.Raw) != nil
		switch {
		case t.tasks == TaskForbidden:
		case !x.declaresTasks():
			if t.tasks == TaskRequired {
				return Inline, errNeedsTasks
			}
		case answers:
			x.asTask = true
			return Compute, nil // they are to be decoded
		case !t.asksFirst:
			x.asTask = true
			return Inline, nil
		}
	case protocol.TasksAugmented:
		wanted := memberOf(x.Env.Params.Of(x.Raw), "task")
		switch {
		case wanted == nil && t.tasks == TaskRequired:
			return Inline, errTaskRequired
		case wanted == nil:
		case t.tasks == TaskForbidden:
			return Inline, errTaskForbidden
		case wanted[0] != '{':
			return Inline, errTaskParam
		default:
			x.asTask = true
			return Inline, nil
		}
	}
	return t.class, nil
}

// createTask is a tools/call that becomes a task: it is kept, queued and only then answered (SEP-2663, task creation).
func (r *Registry) createTask(x *Exchange, dst []byte) []byte {
	if x.Cancelled() {
		x.Outcome = Cancelled
		return dst
	}
	from := len(dst)
	t, e := r.newTask(x)
	if e == nil {
		if e = r.tasks.add(t); e == nil {
			dst = t.appendCreated(dst, x) // before it can be anything but working
			e = t.begin()
		}
	}
	if e != nil {
		if e.Code == codec.CodeInternal {
			x.Outcome = LimitReached
		}
		return codec.AppendError(dst[:from], x.id(), e)
	}
	r.m.tasksCreated.Inc()
	if x.Cancelled() { // while it was made: nobody will know its id
		t.fail(taskByRequest, errTaskCancelled)
		x.Outcome = Cancelled
		return dst[:from]
	}
	return dst
}

// newTask makes the task that x asks for.
func (r *Registry) newTask(x *Exchange) (*Task, *codec.Error) {
	if e := r.readInputs(x); e != nil {
		return nil, e
	}
	ttl, e := r.taskTTL(x)
	if e != nil {
		return nil, e
	}
	now := time.Now()
	t := &Task{r: r, id: rand.Text(), created: now, updated: now, ttl: ttl}
	t.expiry.Store(int64(now.Sub(r.epoch) + ttl))
	c := &t.x
	c.Raw, c.Env, c.Transport, c.Principal = bytes.Clone(x.Raw), x.Env, x.Transport, x.Principal
	c.row, c.tool, c.inputs, c.revision, c.modern, c.Back = x.row, x.tool, x.inputs, x.revision, x.modern, t
	if !x.modern {
		c.Conv = x.Conv // what its client can be asked
		t.watchFrom(x)
	}
	t.owner = &taskOwner{key: ownerKey(x)} // until the table finds the one there is
	return t, nil
}

// taskTTL is how long the task is kept: what the client of 2025-11-25 wishes, within bounds.
func (r *Registry) taskTTL(x *Exchange) (time.Duration, *codec.Error) {
	if x.modern {
		return r.opt.TaskTTL, nil
	}
	wish := memberOf(memberOf(x.Env.Params.Of(x.Raw), "task"), "ttl")
	if wish == nil || string(wish) == "null" {
		return r.opt.TaskTTL, nil
	}
	millis, ok := protocol.SafeInteger(string(wish))
	if !ok || millis < 0 {
		return 0, errTaskParam
	}
	if millis > r.opt.TaskMaxTTL.Milliseconds() {
		return r.opt.TaskMaxTTL, nil
	}
	return max(time.Duration(millis)*time.Millisecond, minTaskTTL), nil
}

// minTaskTTL is the least that a task is kept: less, and it might be gone before its client can ask.
const minTaskTTL = time.Second

// begin queues a new task, or forgets it.
func (t *Task) begin() *codec.Error {
	t.mu.Lock()
	e := t.r.queueTask(t)
	t.mu.Unlock()
	if e != nil {
		t.forget()
		return e
	}
	if t.r.tasks.stopped.Load() { // after it was added: either StopTasks saw it, or this sees that it came too late
		t.stop()
	}
	return nil
}

// task is the task whose call x is; nil for all others.
func (x *Exchange) task() *Task {
	t, _ := x.Back.(*Task)
	return t
}

// Send implements Back: the progress of a task goes to who began it, the latest if it does not keep up. In 2026-07-28
// there is none (SEP-2663, task status notifications).
func (t *Task) Send(message []byte) bool {
	if t.x.modern {
		return false
	}
	t.mu.Lock()
	var w *watch
	if len(t.watchers) > 0 && !t.status.terminal() {
		w = t.watchers[0] // a legacy task has one
	}
	t.mu.Unlock()
	if w == nil {
		return false
	}
	w.feed.oweProgress(w, bytes.Clone(message))
	return true
}

// Peer implements Back: a task has none.
func (t *Task) Peer() Peer { return nil }

// Resume implements Back; a task is never parked, it is asked through tasks/update or tasks/result.
func (t *Task) Resume() { panic("registry: a task was parked") }
