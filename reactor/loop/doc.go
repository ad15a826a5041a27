// Package loop holds the sockets: a fixed pool of event loops, one per core, that multiplexes every connection. It
// reads and writes, bounds what waits, keeps the deadlines, accepts and closes. What the bytes mean it leaves to a
// Handler; it never knows a protocol, nor what is done with a message.
//
// No goroutine belongs to a connection, whether it is idle, busy or stalled.
//
// Its one rule is ownership. A connection belongs to one loop, for life: only that loop reads from its descriptor,
// touches its Handler and closes it, in one function (finish). Everybody else may do two things, both under the
// connection's lock: append to its outbox, and ask the loop to look at it again (Conn.Post). A descriptor number is
// reused by the kernel the moment it is closed. So a write looks at the connection's reason under the lock, which is
// set before the close and never unset, and a loop's slot has a generation that an old event does not match. This keeps
// a late answer from reaching the next client.
//
// A connection has four states. Open: it is read, and paused while its outbox or its Handler is full; then epoll is not
// asked for input, and nothing is lost. Ending: nothing more is read, what was accepted is answered and written.
// Lingering: our side is shut down, and what the peer still sends is read and dropped until it closes too, because
// closing with unread input would send a reset, which can overtake the last answer. Finished: the descriptor is closed
// and the slot is free. A connection that dies (reset, deadline, limit) skips the middle. One that finishes because its
// peer does not read is closed with a reset, so that no unread answer stays in the kernel.
//
// Files: handler.go whom the loops work for, listener.go what is listened on, accept.go accepting, loop.go a loop and
// its inbox, turn.go a turn, read.go and outbox.go the two directions, conn.go a connection, deadline.go the sweep,
// close.go the reasons, buffer.go the buffers, netpoll.go the doorway to netpoll. Package socket makes the system
// calls, package budget chooses who gives way when room is short.
//
// Lock order: a Conn's, then what its Handler takes in Throttle (a lane), then a loop's inbox; a budget's after a
// Conn's and before an inbox. Nothing blocks under any of them.
package loop
