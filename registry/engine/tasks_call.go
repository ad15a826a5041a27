package engine

import (
	"bytes"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/call"
	"weir/registry/clientreq"
	"weir/registry/concurrency"
	"weir/registry/event"
	"weir/registry/fault"
	"weir/registry/input"
	"weir/registry/task"
)

// TaskCall is a tools/call that goes on as a task. A server queues it, and a worker of its Class calls Run.
type TaskCall struct {
	eng  *Engine
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
func (c *TaskCall) Class() Class { return classOf(&c.x.tool().Handler) }

// Series is what the tool's calls report.
func (c *TaskCall) Series() *Series { return c.x.tool().Handler.Series }

// Limiter bounds how many calls of the tool run at once; nil: nothing does.
func (c *TaskCall) Limiter() *concurrency.Limiter { return c.x.Limiter() }

// ReturnedWell says, after Run, that the handler has run and returned what it should.
func (c *TaskCall) ReturnedWell() bool { return c.x.ReturnedWell }

// Bytes is how long the message is that the call keeps.
func (c *TaskCall) Bytes() int { return c.bytes }

// Run runs the handler, once for each time the call was queued, on a worker of its Class. scratch is room for the
// answer; it comes back, perhaps longer, and holds nothing of worth.
func (c *TaskCall) Run(scratch []byte) []byte {
	c.x.ReturnedWell = false
	in, ok := c.task.Start()
	if !ok {
		return scratch
	}
	if in.Rounds > 0 {
		c.x.Inputs = &call.Inputs{Responses: in.Responses, State: in.State, Rounds: in.Rounds}
	}
	s, from := c.x.tool().Handler.Series, len(scratch)
	start, returned := s.Start(), false
	defer func() {
		if !returned { // the handler ended its goroutine: nobody else would say that it is over
			c.task.Conclude(task.Failure, errorOf(c.x.ID(), codec.AppendError(nil, c.x.ID(), fault.Panicked)))
			s.Finished(start, 0, call.EndedPanic)
		}
	}()
	out, o := answerToolsCall(c.eng, &c.x, scratch)
	returned = true
	ours := true
	switch o {
	case call.IsSuspended:
		asked := c.input
		c.input.requests = nil
		if c.task.Suspend(asked.requests, asked.state) {
			c.eng.m.InputRequired.Inc()
		}
		return out
	case call.EndedOK:
		ours = c.task.Conclude(task.Result, resultOf(c.x.ID(), out[from:]))
	case call.EndedToolError:
		ours = c.task.Conclude(task.ToolError, resultOf(c.x.ID(), out[from:]))
	default:
		ours = c.task.Conclude(task.Failure, errorOf(c.x.ID(), out[from:]))
	}
	c.x.ReturnedWell = ours && o == call.EndedOK
	if !ours {
		o = call.EndedCancelled
	}
	s.Finished(start, 0, o)
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
	if c.x.Inputs != nil && c.x.Inputs.Rounds >= clientreq.MaxRounds {
		return clientreq.ErrRounds
	}
	c.input.requests, c.input.state = requests, state
	return input.ErrSuspended
}

// Queue implements task.Call.
func (c *TaskCall) Queue() *codec.Error {
	s := c.eng.server.Load()
	if s == nil {
		return fault.NoTaskWorkers
	}
	return (*s).QueueTask(c)
}

// Cancel implements task.Call.
func (c *TaskCall) Cancel() { c.x.Cancel() }

// Release implements task.Call.
func (c *TaskCall) Release() { c.x.Raw, c.x.Inputs, c.x.Header = nil, nil, nil }

// Send implements Responder: the progress of a task goes to who began it.
func (c *TaskCall) Send(message []byte) bool { return c.task.Progress(bytes.Clone(message)) }

// Task implements call.TaskResponder.
func (c *TaskCall) Task() *task.Task { return c.task }

// Peer implements Responder: a task has none.
func (c *TaskCall) Peer() event.Peer { return nil }

// Resume implements Responder; a task is never suspended, it is asked through tasks/update or tasks/result.
func (c *TaskCall) Resume() { panic("engine: a task was suspended") }

// taskCall is the call as a task's; nil when it is none.
func (x *Exchange) taskCall() *TaskCall {
	c, _ := x.Responder.(*TaskCall)
	return c
}

// createTask is a tools/call that becomes a task: it is kept, queued and only then answered (SEP-2663, task creation).
func (eng *Engine) createTask(x *Exchange, dst []byte) []byte {
	if x.Cancelled() {
		x.Outcome = Cancelled
		return dst
	}
	from := len(dst)
	c, e := eng.newTask(x)
	if e == nil {
		dst = eng.appendTaskCreated(dst, x, c.task) // before it can be anything but working
		e = c.task.Begin()
	}
	if e != nil {
		return x.appendError(dst[:from], e)
	}
	if x.Cancelled() { // while it was made: nobody will know its id
		c.task.Cancel()
		x.Outcome = Cancelled
		return dst[:from]
	}
	return dst
}

// newTask makes the task that x asks for.
func (eng *Engine) newTask(x *Exchange) (*TaskCall, *codec.Error) {
	if e := eng.inputs.Read(&x.Call); e != nil {
		return nil, e
	}
	var wish []byte // of 2025-11-25 only
	if !x.Modern() {
		wish = codec.Member(codec.Member(x.Env.Params.Of(x.Raw), "task"), "ttl")
	}
	ttl, ok := eng.opt.Tasks.TTL(wish)
	if !ok {
		return nil, task.ErrParam
	}
	c := &TaskCall{eng: eng, bytes: x.Call.Bytes()}
	y := &c.x
	y.Raw, y.Env, y.Transport, y.Principal = bytes.Clone(x.Raw), x.Env, x.Transport, x.Principal
	y.Header, y.Span = x.Header, x.Span
	y.row, y.found, y.Inputs, y.Revision, y.Responder = x.row, x.found, x.Inputs, x.Revision, c
	if !x.Modern() {
		y.Conv = x.Conv // what its client can be asked
	}
	var e *codec.Error
	c.task, e = eng.tasks.Add(task.Spec{Call: c, Owner: taskOwner(x), Modern: x.Modern(), RequestBytes: x.Call.Bytes(),
		TTL: ttl})
	if e != nil {
		return nil, e
	}
	if !x.Modern() {
		eng.subscriberFor(x).Follow(taskSource{c.task})
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

// expireTasks forgets the tasks whose time is up at a time since Engine.epoch; one that had not ended fails first.
func (eng *Engine) expireTasks(at time.Duration) { eng.tasks.Expire(eng.epoch.Add(at)) }

// StopTasks ends every task, and those that would begin: the server stops, and they fail with reason draining. Their
// handlers are told, and are the queue's to wait for. Any goroutine.
func (eng *Engine) StopTasks() { eng.tasks.Stop() }
