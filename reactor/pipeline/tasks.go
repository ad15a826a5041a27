package pipeline

import (
	"weir/backpressure"
	"weir/codec"
	"weir/registry/engine"
)

// A task (MCP 2025-11-25 and the extension of 2026-07-28) is the registry's and no connection's: what runs of it
// stands in the same queue as the calls of all connections, as detached work.

// taskJob is a task's place in the queue, for one run of its handler.
type taskJob struct {
	ticket backpressure.Ticket
	call   *engine.TaskCall
	at     place // from when it was queued: its client was told that it goes on
}

// taskRunner runs tasks on workers.
type taskRunner struct{}

// Run executes tasks. Their clients have been answered long ago, so one that had to wait longer than queue_timeout is
// run all the same: nobody has given it up.
func (r taskRunner) Run(batch *backpressure.Ticket, n int, w *backpressure.Worker) {
	t := batch
	defer func() {
		if t != nil { // a handler has ended the goroutine, and the rest of the batch is in nobody else's hands
			r.Run(t, n, w)
		}
	}()
	for t != nil {
		j := t.Job.(*taskJob)
		t = t.Next()
		r.run(j, w)
		w.Ran(j.ticket.Work, backpressure.Accepted)
	}
}

func (taskRunner) run(j *taskJob, w *backpressure.Worker) {
	j.at.Starts(backpressure.Now())
	defer func() { j.at.leave(j.call.ReturnedWell()) }()
	w.Buf = j.call.Run(w.Buf[:0])
}

// Drained implements backpressure.Runner: nobody waits for it.
func (taskRunner) Drained() {}

// QueueTask queues a task, or says why not. Any goroutine.
func (p *Pipeline) QueueTask(c *engine.TaskCall) *codec.Error {
	j := &taskJob{call: c}
	j.ticket.Job, j.ticket.Work = j, p.workOf(c.Series())
	j.ticket.SetOverhead(callBytes)
	class := queueClass(c.Class())
	at, ok := takePlace(c.Limiter())
	j.at = at
	refusal := backpressure.Draining
	switch {
	case !ok:
		refusal = backpressure.ToolLimit
	case !p.Draining():
		refusal = p.tasks.Admit(&j.ticket, class, c.Bytes(), backpressure.Now())
	}
	if refusal == backpressure.Accepted {
		return nil
	}
	if ok {
		at.leave(false)
	}
	p.Queue.CountRefusal(refusal)
	return &codec.Error{Code: codec.CodeInternal, Message: OverloadedMessage,
		Data: appendOverloadData(nil, refusal, p.Queue.RetryAfter(refusal))}
}
