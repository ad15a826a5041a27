// Package reactor is the server around a registry: listeners, transports and what becomes of a message.
//
// Who writes a server needs New and Serve, with a Config where the defaults do not fit, and for a program that its
// client launches ServeStdio; the examples show both. Listen, Start and Shutdown are the steps of Serve, for programs
// that need them apart.
//
// A message goes one way:
//
//	accept -> loop -> decode -> admit -> queue -> worker -> dispatch -> encode -> write
//
// The sockets are reactor/loop's, which knows no message; who may come is reactor/auth's, which knows no loop; a
// message's life is reactor/pipeline's, and what is said on the wire reactor/transport's.
//
// No goroutine belongs to a connection. There are netpoll's pollers (one per loop), one per loop that waits for its
// end, the clock of the Date header, the compute workers, and the blocking workers whose handlers run. Two are those
// of stdio.go: they copy between the standard streams, which may be files that epoll does not take, and the one
// connection of a process that its client launched. An adopted SDK server has two, whoever calls.
//
// Lock order: a connection's (loop.Conn), then backpressure.Lane's, then a loop's inbox. Nothing blocks under any of
// them.
package reactor
