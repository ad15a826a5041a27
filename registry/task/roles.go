package task

import "weir/codec"

// Whom a task deals with, and all that it knows of them. Waiter, Carrier and Watcher are comparable, as pointers are.

// Call is the call that goes on as a task: it holds the message and knows the handler. A worker that got it from Queue
// calls the task's Start, runs the handler, and calls Conclude or Suspend with what came of it.
type Call interface {
	// Queue puts the call in line for a worker, once, or says why there is no room. It is called with the task locked,
	// so it must neither block nor call the task back.
	Queue() *codec.Error
	// Cancel ends the context of the handler that runs, if one does. Any goroutine.
	Cancel()
	// Release gives up the message and what else only a run needs: there will be none. Once, while no worker has the
	// task.
	Release()
}

// Waiter is a request for the result that waits until there is more to do for it.
type Waiter interface {
	// TaskReady is called once: the task has ended or asks for something, or does not want to be waited for any more.
	// Any goroutine, without a lock of the task; it must not block.
	TaskReady()
	// Bytes is how long the message is that it keeps while it waits. It does not change.
	Bytes() int
}

// Carrier is a request for the result on whose stream the client is sent what the task asks for.
type Carrier interface {
	// TaskEnded says that the answers are not wanted any more. Any goroutine, without a lock of the task; it must not
	// block.
	TaskEnded()
}

// Watcher is a client that hears of a task. Its methods are called on any goroutine, without a lock of the task, and
// must not block.
type Watcher interface {
	// Owe has the client told what the task is when it reads, however often it changed until then.
	Owe()
	// OweAhead has the client told message, which goes ahead of the task's state, in place of the last one that it was
	// not told. The message is the watcher's.
	OweAhead(message []byte)
	// Drop says that there is no task any more.
	Drop()
}
