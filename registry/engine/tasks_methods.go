package engine

import (
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/call"
	"weir/registry/clientreq"
	"weir/registry/fault"
	"weir/registry/input"
	"weir/registry/protocol"
	"weir/registry/result"
	"weir/registry/task"
)

// The methods of tasks: tasks/get, tasks/update, tasks/cancel, tasks/list and tasks/result.

// routeTask refuses the task methods to clients that do not declare the extension (SEP-2663, protocol errors).
func routeTask(eng *Engine, x *Exchange) (Class, *codec.Error) {
	if x.Modern() && !x.declaresTasks() {
		return Inline, protocol.ErrNeedsTasks
	}
	if to := eng.elsewhere(x); to != nil {
		x.found = to
		return Compute, nil
	}
	return x.row.class, nil
}

// taskOf finds the task that a request names. Another principal's is as unknown as one that never was.
func (eng *Engine) taskOf(x *Exchange) (*task.Task, *codec.Error) {
	id, ok := codec.StringOf(x.Env.TaskID.Of(x.Raw))
	if !ok {
		return nil, task.ErrID
	}
	if t := eng.tasks.Find(id, x.Principal, x.Modern()); t != nil {
		return t, nil
	}
	return nil, task.ErrUnknown
}

// appendTaskCreated appends the answer to the call that became the task, before it is queued.
func (eng *Engine) appendTaskCreated(dst []byte, x *Exchange, t *task.Task) []byte {
	dst = result.AppendHead(dst, x.ID())
	if !x.Modern() {
		return append(t.Append(append(dst, `{"task":{`...), false), "}}}"...)
	}
	return eng.results.AppendIdentified(t.Append(append(dst, `{"resultType":"task",`...), false))
}

// appendTask appends a response whose result is the task.
func (eng *Engine) appendTask(dst []byte, x *Exchange, t *task.Task) []byte {
	dst = t.Append(append(result.AppendHead(dst, x.ID()), '{'), x.Modern())
	return eng.results.AppendEnd(dst, x.request())
}

// serveTaskGet is tasks/get.
func serveTaskGet(eng *Engine, x *Exchange, dst []byte) []byte {
	t, e := eng.taskOf(x)
	if e != nil {
		return codec.AppendError(dst, x.ID(), e)
	}
	return eng.appendTask(dst, x, t)
}

// serveTaskUpdate is tasks/update (2026-07-28).
func serveTaskUpdate(eng *Engine, x *Exchange, dst []byte) []byte {
	if x.Cancelled() {
		x.Outcome = Cancelled
		return dst
	}
	t, e := eng.taskOf(x)
	if e != nil {
		return codec.AppendError(dst, x.ID(), e)
	}
	raw := x.Env.InputResponses.Of(x.Raw)
	if raw == nil {
		return codec.AppendError(dst, x.ID(), protocol.ErrInputResponses)
	}
	elicited, err := clientreq.ElicitedBy(t.Open())
	if err != nil {
		return codec.AppendError(dst, x.ID(), result.EncodingError(err))
	}
	responses, e := clientreq.DecodeResponses(raw, elicited)
	if e == nil {
		e = t.Answer(responses, len(raw), nil)
	}
	if e != nil {
		return x.appendError(dst, e)
	}
	return eng.results.AppendAcknowledged(dst, x.ID())
}

// serveTaskCancel is tasks/cancel. Once the task has ended there is nothing to cancel, which is an error in 2025-11-25
// only.
func serveTaskCancel(eng *Engine, x *Exchange, dst []byte) []byte {
	t, e := eng.taskOf(x)
	if e != nil {
		return codec.AppendError(dst, x.ID(), e)
	}
	ours := t.Cancel()
	switch {
	case x.Modern():
		return eng.results.AppendAcknowledged(dst, x.ID())
	case !ours:
		return codec.AppendError(dst, x.ID(), task.OverError(t.Status()))
	}
	return eng.appendTask(dst, x, t)
}

// serveTaskList is tasks/list (2025-11-25): the tasks of the principal; without authentication those that the session
// or connection began, and not what else it might know the ids of.
func serveTaskList(eng *Engine, x *Exchange, dst []byte) []byte {
	from := len(dst)
	dst, e := eng.tasks.AppendPage(append(result.AppendHead(dst, x.ID()), '{'), taskOwner(x), task.Page{
		Cursor: x.Env.Cursor.Of(x.Raw), MaxEntries: eng.opt.Results.PageSize,
		MaxBytes: eng.opt.Results.MaxBytes - protocol.ListOverheadBytes,
	})
	if e != nil {
		return codec.AppendError(dst[:from], x.ID(), e)
	}
	return append(dst, "}}"...)
}

// tasks/result (MCP 2025-11-25) is answered when its task has ended. Until then it is suspended as a call is that asks
// its client (suspend.go): it keeps its message and its place among what is in flight, no worker and no goroutine.
// What the task asks its client for meanwhile goes out on the stream of one of these requests, which then waits for
// the answers.

// routeTaskResult answers on the loop what can be answered now.
func routeTaskResult(eng *Engine, x *Exchange) (Class, *codec.Error) {
	if to := eng.elsewhere(x); to != nil {
		x.found = to
		return Compute, nil
	}
	t, e := eng.taskOf(x)
	if e != nil || t.Status().Terminal() {
		return Inline, e
	}
	return Compute, nil
}

// serveTaskResult is tasks/result: called again whenever what it waited for has come.
func serveTaskResult(eng *Engine, x *Exchange, dst []byte) []byte {
	failed := x.Resumed()
	if x.Cancelled() {
		x.Outcome = Cancelled
		return dst
	}
	t, e := eng.taskOf(x)
	if e != nil {
		return codec.AppendError(dst, x.ID(), e)
	}
	out, e := eng.awaitTask(x, dst, t, failed)
	if e == input.ErrSuspended {
		return dst
	}
	if e != nil {
		return x.appendError(dst, e)
	}
	return out
}

// awaitTask appends what the task ended with, or suspends x until there is more to do for it (input.ErrSuspended).
// failed is why x could not have the client answer what the task asks for: unless the task has ended, that is its
// answer.
func (eng *Engine) awaitTask(x *Exchange, dst []byte, t *task.Task, failed *codec.Error) ([]byte, *codec.Error) {
	out, ended := t.AppendResult(dst, x.ID())
	switch {
	case ended:
		return out, nil
	case failed != nil:
		return nil, failed
	case x.Responder == nil:
		return nil, fault.TaskWait
	}
	w := &taskWait{bytes: len(x.Raw)}
	w.Begin(x.Responder.Resume)
	w.Cancel = func() { t.GiveUp(w) }
	turn, requests, e := t.Await(w)
	switch turn {
	case task.Ended:
		out, _ = t.AppendResult(dst, x.ID())
		return out, nil
	case task.Carry:
		return nil, eng.carryForTask(x, t, requests)
	case task.Full:
		return nil, e
	}
	if x.Transport == HTTP {
		// Opens the event stream, which is kept alive: what stands in between gives up on a response that does not
		// begin.
		x.Responder.Send(t.AppendStatus(nil))
	}
	x.Suspend(&w.Suspension)
	return nil, input.ErrSuspended
}

// taskWait is a tasks/result that waits for its task.
type taskWait struct {
	call.Suspension
	bytes int
}

// Bytes implements task.Waiter.
func (w *taskWait) Bytes() int { return w.bytes }

// TaskReady implements task.Waiter.
func (w *taskWait) TaskReady() { w.Settle() }

// taskCarrier is a tasks/result on whose stream the client is sent what the task asks for.
type taskCarrier struct{ requests *clientreq.Requests }

// TaskEnded implements task.Carrier.
func (c *taskCarrier) TaskEnded() { c.requests.Withdraw(fault.TaskEnded) }

// carryForTask sends the client what the task asks for on x's stream and suspends x until that is answered.
func (eng *Engine) carryForTask(x *Exchange, t *task.Task, requests mcp.InputRequestMap) (e *codec.Error) {
	c := new(taskCarrier)
	c.requests, e = eng.inputs.Ask(&x.Call, requests, t.Relate, func(came clientreq.Result) {
		x.Inputs = &call.Inputs{Failed: c.heard(t, came)}
	})
	t.Carried(c, e == input.ErrSuspended) // heard comes later: after the worker has let go of x
	return e
}

// heard gives the task what came of what it asked for, once nothing of that is open any more, and returns why it was
// not taken. A client that refuses or keeps silent fails the task as it would fail a call; one that is gone may come
// back with another tasks/result.
func (c *taskCarrier) heard(t *task.Task, result clientreq.Result) (failed *codec.Error) {
	switch failed = result.Failed; failed {
	case nil:
		if failed = t.Answer(result.Answers, result.Bytes, c); failed == nil {
			return nil
		}
	case clientreq.ErrCancelled, clientreq.ErrUnanswerable, clientreq.ErrNoStream, clientreq.ErrStopped, fault.TaskEnded:
	default:
		t.Fail(failed)
	}
	t.Unanswered(c)
	return failed
}
