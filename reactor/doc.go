// Package reactor holds the sockets: listeners, event loops, connections and what each transport means for MCP.
//
// Who writes a server needs New and Serve, with a Config where the defaults do not fit, and for a program that its client launches
// ServeStdio; the examples show both. Listen, Start and Shutdown are the steps of Serve, for programs that need them apart.
//
// A fixed pool of loops, one per core, multiplexes every connection; no goroutine belongs to a connection, whether it
// is idle, busy or stalled (stdio.go, for a process that its one client launched, has two). A message goes one way:
//
//	accept -> loop -> decode -> admit -> queue -> worker -> dispatch -> encode -> write
//
// Its one rule is ownership. A connection belongs to one loop, for life: only that loop reads from its descriptor,
// touches its decoder and closes it. Everybody else may do two things, both under the connection's mutex: append to
// its outbox, and ask the loop to look at it again (conn.post). A descriptor number is reused by the kernel the moment
// it is closed, and this is what keeps a late answer from reaching the next client.
//
// Lock order: conn.mu, then backpressure.Lane's, then loop.inbox's. Nothing blocks under any of them.
package reactor
