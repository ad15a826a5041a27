package registry

import (
	"slices"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
)

// tasks/result (MCP 2025-11-25) is answered when its task has ended. Until then it is parked as a call is that asks its
// client (callback.go): it keeps its message and its place among what is in flight, no worker and no goroutine. What the
// task asks its client for meanwhile goes out on the stream of one of these requests, which then waits for the answers.

// routeTaskResult answers on the loop what can be answered now.
func routeTaskResult(r *Registry, x *Exchange) (Class, *codec.Error) {
	t, e := r.taskOf(x)
	if e != nil {
		return Inline, e
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.status.terminal() {
		return Inline, nil
	}
	return Compute, nil
}

// serveTaskResult is tasks/result: called again whenever what it waited for has come.
func serveTaskResult(r *Registry, x *Exchange, dst []byte) []byte {
	a := x.asking.Swap(nil)
	if x.Cancelled() {
		x.Outcome = Cancelled
		return dst
	}
	t, e := r.taskOf(x)
	if e != nil {
		return codec.AppendError(dst, x.id(), e)
	}
	var failed *codec.Error
	if a != nil {
		failed = a.failed
	}
	out, e := t.await(x, dst, failed)
	if e == errParked {
		return dst
	}
	if e != nil {
		return codec.AppendError(dst, x.id(), e)
	}
	return out
}

// await appends what the task ended with, or parks x until there is more to do for it (errParked). failed is why x could
// not have the client answer the task's questions: unless the task has ended, that is its answer.
func (t *Task) await(x *Exchange, dst []byte, failed *codec.Error) ([]byte, *codec.Error) {
	t.mu.Lock()
	switch {
	case t.status.terminal():
		defer t.mu.Unlock()
		return t.appendPayload(dst, x), nil
	case failed != nil:
		t.mu.Unlock()
		return nil, failed
	case x.Back == nil:
		t.mu.Unlock()
		return nil, errTaskWait
	case t.status == taskInputRequired && t.asker == nil && !t.asking:
		return nil, t.askOver(x)
	}
	return nil, t.wait(x)
}

// appendPayload appends exactly what the call would have been answered with, but for who it belongs to.
func (t *Task) appendPayload(dst []byte, x *Exchange) []byte {
	dst = append(append(dst, `{"jsonrpc":"2.0","id":`...), x.id()...)
	member := `,"result":`
	if t.payload.isError {
		member = `,"error":`
	}
	return append(append(append(dst, member...), t.payload.json...), '}')
}

// wait parks x until the task has ended or asks for something. It needs t.mu and unlocks it.
func (t *Task) wait(x *Exchange) *codec.Error {
	if all := t.r.tasks.waits.Add(1); all > int64(t.r.opt.MaxTaskWaits) || len(t.waiters) >= t.r.opt.MaxTaskWaitsPerTask {
		t.r.tasks.waits.Add(-1)
		t.mu.Unlock()
		t.r.m.tasksRefused[taskWaitLimit].Inc()
		x.Outcome = LimitReached
		return errTaskWaits
	}
	a := &ask{x: x, task: t}
	a.left.Store(2) // the task, and the worker that parks x
	t.waiters = append(t.waiters, a)
	x.asking.Store(a)
	t.mu.Unlock()
	if x.Transport == HTTP {
		// Opens the event stream, which is kept alive: what stands in between gives up on a response that does not begin.
		x.Back.Send(t.appendChanged(nil, nil))
	}
	if x.Cancelled() { // before it could be seen as parked
		t.giveUp(a)
	}
	return errParked
}

// awaited says whether requests wait for the task.
func (t *Task) awaited() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.waiters) > 0
}

// giveUp ends the waiting of a request that was cancelled or whose client is gone.
func (t *Task) giveUp(a *ask) {
	t.mu.Lock()
	i := slices.Index(t.waiters, a)
	if i >= 0 {
		t.waiters = slices.Delete(t.waiters, i, i+1)
	}
	t.mu.Unlock()
	if i >= 0 {
		t.r.tasks.waits.Add(-1)
		a.settle(1)
	}
}

// askOver sends the client the task's questions on x's stream and parks x until they are answered. It needs t.mu and
// unlocks it.
func (t *Task) askOver(x *Exchange) *codec.Error {
	r := t.r
	requests := make(mcp.InputRequestMap, len(t.questions))
	for _, q := range t.questions {
		requests[q.key] = q.request
	}
	a := &ask{x: x, behalf: t, open: make(map[string]string, len(requests)),
		expiry: r.askExpiry(), responses: mcp.InputResponseMap{}}
	t.asking = true
	t.mu.Unlock()
	a.feed = r.feedOf(x.Conv)
	e := r.sendAsks(a, requests)
	t.mu.Lock()
	t.asking = false
	over := t.status.terminal()
	if e == errParked && !over {
		t.asker = a // heard, if it is over already, comes after the worker has let go of x
	}
	t.mu.Unlock()
	switch {
	case e != errParked:
		t.disown(a)
	case over:
		a.abort(askTaskEnded, errTaskEnded)
	}
	return e
}

// disown lets another request ask what a did not.
func (t *Task) disown(a *ask) {
	t.mu.Lock()
	if t.asker == a {
		t.asker = nil
	}
	waiters := t.waiters
	t.waiters = nil
	t.mu.Unlock()
	t.r.tasks.waits.Add(-int64(len(waiters)))
	for _, w := range waiters {
		w.settle(1)
	}
}

// heard gives the task what came of its questions, once nothing of them is open any more. A client that refuses or keeps
// silent fails the task as it would fail a call; one that is gone may come back with another tasks/result.
func (t *Task) heard(a *ask) {
	switch a.failed {
	case nil:
		if a.failed = t.answer(a.responses, a.size, a); a.failed == nil {
			return
		}
	case errAskCancelled, errAskUnanswerable, errAskNoStream, errAskStopped, errTaskEnded:
	default:
		t.fail(taskError, a.failed)
	}
	t.disown(a)
}
