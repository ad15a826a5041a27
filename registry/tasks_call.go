package registry

import (
	"bytes"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/clientreq"
	"weir/registry/event"
	"weir/registry/protocol"
	"weir/registry/task"
)

// TaskCall is a tools/call that goes on as a task. A server queues it, and a worker of its Class calls Run.
type TaskCall struct {
	r    *Registry
	task *task.Task
	// x is the call. Its message is a copy, and its Responder is the TaskCall. It belongs to the worker that runs the
	// handler, and to nobody while none does.
	x     Exchange
	bytes int
	// input is what the handler that runs asks for: its worker's.
	input struct {
		requests mcp.InputRequestMap
		state    string
	}
}

// Class is on which workers the call runs.
func (c *TaskCall) Class() Class { return c.x.tool.class }

// Bytes is how long the message is that the call keeps.
func (c *TaskCall) Bytes() int { return c.bytes }

// Run runs the handler, once for each time the call was queued, on a worker of its Class. scratch is room for the
// answer; it comes back, perhaps longer, and holds nothing of worth.
func (c *TaskCall) Run(scratch []byte) []byte {
	in, ok := c.task.Start()
	if !ok {
		return scratch
	}
	if in.Rounds > 0 {
		c.x.inputs = &inputs{responses: in.Responses, state: in.State, rounds: in.Rounds}
	}
	s, from := c.x.tool.series, len(scratch)
	start, returned := s.startTimer(), false
	defer func() {
		if !returned { // the handler ended its goroutine: nobody else would say that it is over
			c.task.Conclude(task.Failure, errorOf(c.x.ID(), codec.AppendError(nil, c.x.ID(), errPanicked)))
			s.finished(start, endedPanic)
		}
	}()
	out, o := answerToolsCall(c.r, &c.x, scratch)
	returned = true
	ours := true
	switch o {
	case endedSuspended:
		input := c.input
		c.input.requests = nil
		if c.task.Suspend(input.requests, input.state) {
			c.r.m.inputRequired.Inc()
		}
		return out
	case endedOK:
		ours = c.task.Conclude(task.Result, resultOf(c.x.ID(), out[from:]))
	case endedToolError:
		ours = c.task.Conclude(task.ToolError, resultOf(c.x.ID(), out[from:]))
	default:
		ours = c.task.Conclude(task.Failure, errorOf(c.x.ID(), out[from:]))
	}
	if !ours {
		o = endedCancelled
	}
	s.finished(start, o)
	return out
}

// resultOf is the result in a response of ours.
func resultOf(id, response []byte) []byte {
	return response[len(`{"jsonrpc":"2.0","id":,"result":`)+len(id) : len(response)-1]
}

// errorOf is the error in a response of ours.
func errorOf(id, response []byte) []byte {
	return response[len(`{"jsonrpc":"2.0","id":,"error":`)+len(id) : len(response)-1]
}

// needsInput keeps what the handler asks for until it has returned. Its worker.
func (c *TaskCall) needsInput(requests mcp.InputRequestMap, state string) *codec.Error {
	if c.x.inputs != nil && c.x.inputs.rounds >= clientreq.MaxRounds {
		return clientreq.ErrRounds
	}
	c.input.requests, c.input.state = requests, state
	return errSuspended
}

// Queue implements task.Call.
func (c *TaskCall) Queue() *codec.Error {
	s := c.r.server.Load()
	if s == nil {
		return errNoTaskWorkers
	}
	return (*s).QueueTask(c)
}

// Cancel implements task.Call.
func (c *TaskCall) Cancel() { c.x.Cancel() }

// Release implements task.Call.
func (c *TaskCall) Release() { c.x.Raw, c.x.inputs = nil, nil }

// Send implements Responder: the progress of a task goes to who began it.
func (c *TaskCall) Send(message []byte) bool { return c.task.Progress(bytes.Clone(message)) }

// Peer implements Responder: a task has none.
func (c *TaskCall) Peer() event.Peer { return nil }

// Resume implements Responder; a task is never suspended, it is asked through tasks/update or tasks/result.
func (c *TaskCall) Resume() { panic("registry: a task was suspended") }

// taskCall is the call as a task's; nil when it is none.
func (x *Exchange) taskCall() *TaskCall {
	c, _ := x.Responder.(*TaskCall)
	return c
}

// createTask is a tools/call that becomes a task: it is kept, queued and only then answered (SEP-2663, task creation).
func (r *Registry) createTask(x *Exchange, dst []byte) []byte {
	if x.Cancelled() {
		x.Outcome = Cancelled
		return dst
	}
	from := len(dst)
	c, e := r.newTask(x)
	if e == nil {
		dst = r.appendTaskCreated(dst, x, c.task) // before it can be anything but working
		e = c.task.Begin()
	}
	if e != nil {
		if e.Code == codec.CodeInternal {
			x.Outcome = LimitReached
		}
		return codec.AppendError(dst[:from], x.ID(), e)
	}
	if x.Cancelled() { // while it was made: nobody will know its id
		c.task.Cancel()
		x.Outcome = Cancelled
		return dst[:from]
	}
	return dst
}

// newTask makes the task that x asks for.
func (r *Registry) newTask(x *Exchange) (*TaskCall, *codec.Error) {
	if e := r.readInputs(x); e != nil {
		return nil, e
	}
	ttl, e := r.taskTTL(x)
	if e != nil {
		return nil, e
	}
	c := &TaskCall{r: r, bytes: len(x.Raw)}
	y := &c.x
	y.Raw, y.Env, y.Transport, y.Principal = bytes.Clone(x.Raw), x.Env, x.Transport, x.Principal
	y.row, y.tool, y.inputs, y.revision, y.modern, y.Responder = x.row, x.tool, x.inputs, x.revision, x.modern, c
	if !x.modern {
		y.Conv = x.Conv // what its client can be asked
	}
	c.task, e = r.tasks.Add(task.Spec{Call: c, Owner: taskOwner(x), Modern: x.modern, RequestBytes: len(x.Raw), TTL: ttl})
	if e != nil {
		return nil, e
	}
	if !x.modern {
		r.subscriberFor(x).Follow(taskSource{c.task})
	}
	return c, nil
}

// taskOwner is whose the tasks are that x begins or lists.
func taskOwner(x *Exchange) task.Owner {
	if x.Principal != "" {
		return task.Owner{Principal: x.Principal}
	}
	return task.Owner{Conversation: x.Conv}
}

// taskTTL is how long the task is kept: what the client of 2025-11-25 wishes, within bounds.
func (r *Registry) taskTTL(x *Exchange) (time.Duration, *codec.Error) {
	if x.modern {
		return r.opt.Tasks.TaskTTL, nil
	}
	wish := codec.Member(codec.Member(x.Env.Params.Of(x.Raw), "task"), "ttl")
	if wish == nil || string(wish) == "null" {
		return r.opt.Tasks.TaskTTL, nil
	}
	millis, ok := protocol.SafeInteger(string(wish))
	if !ok || millis < 0 {
		return 0, errTaskParam
	}
	if millis > r.opt.Tasks.MaxTaskTTL.Milliseconds() {
		return r.opt.Tasks.MaxTaskTTL, nil
	}
	return max(time.Duration(millis)*time.Millisecond, task.MinTTL), nil
}

// expireTasks forgets the tasks whose time is up at a time since Registry.epoch; one that had not ended fails first.
func (r *Registry) expireTasks(at time.Duration) { r.tasks.Expire(r.epoch.Add(at)) }

// StopTasks ends every task, and those that would begin: the server stops, and they fail with reason draining. Their
// handlers are told, and are the queue's to wait for. Any goroutine.
func (r *Registry) StopTasks() { r.tasks.Stop() }
