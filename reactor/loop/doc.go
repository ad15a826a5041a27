// Package loop holds the sockets: a fixed pool of event loops, one per core, that multiplexes every connection. It
// reads and writes, bounds what waits, keeps the deadlines, accepts and closes. What the bytes mean it leaves to a
// Handler; it never knows a protocol, nor what is done with a message.
//
// No goroutine belongs to a connection, whether it is idle, busy or stalled.
//
// Its one rule is ownership. A connection belongs to one loop, for life: only that loop reads from its descriptor,
// touches its Handler and closes it. Everybody else may do two things, both under the connection's lock: append to
// its outbox, and ask the loop to look at it again (Conn.Post). A descriptor number is reused by the kernel the moment
// it is closed, and this is what keeps a late answer from reaching the next client.
//
// Lock order: a Conn's, then what its Handler takes in Throttle (a lane), then a loop's inbox. Nothing blocks under
// any of them.
package loop
