package registry

import (
	"strconv"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/clientreq"
	"weir/registry/protocol"
	"weir/registry/task"
)

// The methods of tasks: tasks/get, tasks/update, tasks/cancel, tasks/list and tasks/result.

// routeTask refuses the task methods to clients that do not declare the extension (SEP-2663, protocol errors).
func routeTask(_ *Registry, x *Exchange) (Class, *codec.Error) {
	if x.modern && !x.declaresTasks() {
		return Inline, protocol.ErrNeedsTasks
	}
	return x.row.class, nil
}

// taskOf finds the task that a request names. Another principal's is as unknown as one that never was.
func (r *Registry) taskOf(x *Exchange) (*task.Task, *codec.Error) {
	id, ok := codec.StringOf(x.Env.TaskID.Of(x.Raw))
	if !ok {
		return nil, errTaskID
	}
	if t := r.tasks.Find(id, x.Principal, x.modern); t != nil {
		return t, nil
	}
	return nil, errUnknownTask
}

// appendTaskCreated appends the answer to the call that became the task, before it is queued.
func (r *Registry) appendTaskCreated(dst []byte, x *Exchange, t *task.Task) []byte {
	dst = appendHead(dst, x.ID())
	if !x.modern {
		return append(t.Append(append(dst, `{"task":{`...), false), "}}}"...)
	}
	dst = t.Append(append(dst, `{"resultType":"task",`...), false)
	dst = append(dst, `,"_meta":{"`+protocol.KeyServerInfo+`":`...)
	dst = append(dst, r.prepared.identity...)
	return append(dst, "}}}"...)
}

// appendTask appends a response whose result is the task.
func (r *Registry) appendTask(dst []byte, x *Exchange, t *task.Task) []byte {
	dst = t.Append(append(appendHead(dst, x.ID()), '{'), x.modern)
	if x.modern {
		dst = append(dst, r.prepared.suffix...)
	}
	return append(dst, "}}"...)
}

// appendAcknowledged appends a response that says nothing but that the request was taken (2026-07-28).
func (r *Registry) appendAcknowledged(dst []byte, x *Exchange) []byte {
	dst = append(appendHead(dst, x.ID()), '{')
	dst = append(dst, r.prepared.suffix[1:]...)
	return append(dst, "}}"...)
}

// serveTaskGet is tasks/get.
func serveTaskGet(r *Registry, x *Exchange, dst []byte) []byte {
	t, e := r.taskOf(x)
	if e != nil {
		return codec.AppendError(dst, x.ID(), e)
	}
	return r.appendTask(dst, x, t)
}

// serveTaskUpdate is tasks/update (2026-07-28).
func serveTaskUpdate(r *Registry, x *Exchange, dst []byte) []byte {
	if x.Cancelled() {
		x.Outcome = Cancelled
		return dst
	}
	t, e := r.taskOf(x)
	if e != nil {
		return codec.AppendError(dst, x.ID(), e)
	}
	raw := x.Env.InputResponses.Of(x.Raw)
	if raw == nil {
		return codec.AppendError(dst, x.ID(), protocol.ErrInputResponses)
	}
	elicited, err := clientreq.ElicitedBy(t.Open())
	if err != nil {
		return codec.AppendError(dst, x.ID(), encodingError(err))
	}
	responses, e := clientreq.DecodeResponses(raw, elicited)
	if e == nil {
		if e = t.Answer(responses, len(raw), nil); e != nil {
			x.Outcome = LimitReached
		}
	}
	if e != nil {
		return codec.AppendError(dst, x.ID(), e)
	}
	return r.appendAcknowledged(dst, x)
}

// serveTaskCancel is tasks/cancel. Once the task has ended there is nothing to cancel, which is an error in 2025-11-25
// only.
func serveTaskCancel(r *Registry, x *Exchange, dst []byte) []byte {
	t, e := r.taskOf(x)
	if e != nil {
		return codec.AppendError(dst, x.ID(), e)
	}
	ours := t.Cancel()
	switch {
	case x.modern:
		return r.appendAcknowledged(dst, x)
	case !ours:
		return codec.AppendError(dst, x.ID(), errTaskOver(t.Status()))
	}
	return r.appendTask(dst, x, t)
}

// taskListTag is in cursors of tasks/list.
const taskListTag = 'k'

// serveTaskList is tasks/list (2025-11-25): the tasks of the principal; without authentication those that the session
// or connection began, and not what else it might know the ids of.
func serveTaskList(r *Registry, x *Exchange, dst []byte) []byte {
	after := uint64(0)
	if token := x.Env.Cursor.Of(x.Raw); !protocol.FirstPage(token) {
		last, ok := protocol.DecodeCursor(taskListTag, token)
		number, err := strconv.ParseUint(last, 10, 63)
		if !ok || err != nil {
			return codec.AppendError(dst, x.ID(), protocol.ErrCursor)
		}
		after = number
	}
	all := r.tasks.Of(taskOwner(x), after, r.opt.PageSize+1)
	dst = append(appendHead(dst, x.ID()), `{"tasks":[`...)
	limit, sent, seen := len(dst)+r.opt.MaxResultBytes-protocol.ListOverheadBytes, 0, 0
	for _, t := range all {
		if seen == r.opt.PageSize {
			break
		}
		if !t.Modern() { // else of the other era, which has no list
			before := len(dst)
			if sent > 0 {
				dst = append(dst, ',')
			}
			dst = append(t.Append(append(dst, '{'), false), '}')
			if len(dst) > limit && sent > 0 { // a page has one at least, or the list would not go on
				dst = dst[:before]
				break
			}
			sent++
		}
		seen++
	}
	dst = append(dst, ']')
	if seen < len(all) {
		dst = protocol.AppendCursor(dst, taskListTag, strconv.FormatUint(all[seen-1].Number(), 10))
	}
	return append(dst, "}}"...)
}

// tasks/result (MCP 2025-11-25) is answered when its task has ended. Until then it is suspended as a call is that asks
// its client (suspend.go): it keeps its message and its place among what is in flight, no worker and no goroutine.
// What the task asks its client for meanwhile goes out on the stream of one of these requests, which then waits for
// the answers.

// routeTaskResult answers on the loop what can be answered now.
func routeTaskResult(r *Registry, x *Exchange) (Class, *codec.Error) {
	t, e := r.taskOf(x)
	if e != nil || t.Status().Terminal() {
		return Inline, e
	}
	return Compute, nil
}

// serveTaskResult is tasks/result: called again whenever what it waited for has come.
func serveTaskResult(r *Registry, x *Exchange, dst []byte) []byte {
	failed := x.resumed()
	if x.Cancelled() {
		x.Outcome = Cancelled
		return dst
	}
	t, e := r.taskOf(x)
	if e != nil {
		return codec.AppendError(dst, x.ID(), e)
	}
	out, e := r.awaitTask(x, dst, t, failed)
	if e == errSuspended {
		return dst
	}
	if e != nil {
		return codec.AppendError(dst, x.ID(), e)
	}
	return out
}

// awaitTask appends what the task ended with, or suspends x until there is more to do for it (errSuspended). failed is
// why x could not have the client answer what the task asks for: unless the task has ended, that is its answer.
func (r *Registry) awaitTask(x *Exchange, dst []byte, t *task.Task, failed *codec.Error) ([]byte, *codec.Error) {
	out, ended := t.AppendResult(dst, x.ID())
	switch {
	case ended:
		return out, nil
	case failed != nil:
		return nil, failed
	case x.Responder == nil:
		return nil, errTaskWait
	}
	w := new(taskWait)
	w.begin(x.Responder.Resume)
	w.cancel = func() { t.GiveUp(w) }
	turn, requests, e := t.Await(w)
	switch turn {
	case task.Ended:
		out, _ = t.AppendResult(dst, x.ID())
		return out, nil
	case task.Carry:
		return nil, r.carryForTask(x, t, requests)
	case task.Full:
		x.Outcome = LimitReached
		return nil, e
	}
	if x.Transport == HTTP {
		// Opens the event stream, which is kept alive: what stands in between gives up on a response that does not begin.
		x.Responder.Send(t.AppendStatus(nil))
	}
	x.suspend(&w.suspension)
	return nil, errSuspended
}

// taskWait is a tasks/result that waits for its task.
type taskWait struct{ suspension }

// TaskReady implements task.Waiter.
func (w *taskWait) TaskReady() { w.settle() }

// taskCarrier is a tasks/result on whose stream the client is sent what the task asks for.
type taskCarrier struct{ requests *clientreq.Requests }

// TaskEnded implements task.Carrier.
func (c *taskCarrier) TaskEnded() { c.requests.Withdraw(errTaskEnded) }

// carryForTask sends the client what the task asks for on x's stream and suspends x until that is answered.
func (r *Registry) carryForTask(x *Exchange, t *task.Task, requests mcp.InputRequestMap) (e *codec.Error) {
	c := new(taskCarrier)
	c.requests, e = r.askClient(x, requests, t.Relate, func(result clientreq.Result) {
		x.inputs = &inputs{failed: c.heard(t, result)}
	})
	t.Carried(c, e == errSuspended) // heard comes later: after the worker has let go of x
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
	case clientreq.ErrCancelled, clientreq.ErrUnanswerable, clientreq.ErrNoStream, clientreq.ErrStopped, errTaskEnded:
	default:
		t.Fail(failed)
	}
	t.Unanswered(c)
	return failed
}
