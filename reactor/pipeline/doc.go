// Package pipeline is a message's life between the bytes of its connection and its answer: scan, route, admit, queue,
// run, answer. The first half is done on the connection's loop (Intake), the second by a worker (Conn.Run); control
// and errors never leave the loop. Calls that wait for their clients, that outlive their connections, whose handlers
// are out of time, and tasks go through it as well.
//
// Its one rule: a message that was taken in gets exactly one outcome. Every Call has one holder who releases it, or
// hands it on. A message lies in the loop's buffer until it is admitted; then its Call owns the one copy that is made,
// until its answer is framed. Between admission and Run, or a drop, the ticket belongs to the queue; from then on to
// the connection again.
//
// A message is refused as early as it can be. One above 4 KiB is only peeked at before it is known that there is room
// for it. Every other one is scanned and routed, and refused before it is copied. What waited too long is refused by
// the worker that takes it, or by its loop's sweep when no worker comes.
//
// What is not plain. A JSON-RPC batch is served element by element and answered as one array (batch.go). Streams that
// outlive a request are pulled: the loop asks for the next message when a peer was woken, a list has changed or an
// outbox has emptied, and stops asking while the peer does not read (streams.go). A suspended call keeps its id and its
// place in its connection's order, and holds no worker, no goroutine and no place in the queue; the last answer, a
// timeout, a cancellation or a stop resumes it once, through admission like a new message (suspended.go). One whose
// connection has ended goes on in a lane of the server's own, one of 64 by its session (detached.go). Each run of a
// task's handler is one ticket of detached work (tasks.go). A message behind 256 unanswered ones of its connection is
// kept compact (compact.go). A call whose handler does not return is answered by a stand-in (timeout.go).
//
// It never knows how a message is framed, nor what else a transport says (Transport); nor what a method does
// (registry).
//
// Lock order: a connection's (loop.Conn), then backpressure.Lane's, then a loop's inbox. Nothing blocks under any of
// them.
package pipeline
