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
// The sockets are reactor/loop's, which knows no message; who may come is reactor/auth's, which knows no loop. No
// goroutine belongs to a connection (stdio.go, for a process that its one client launched, has two).
//
// Lock order: a connection's (loop.Conn), then backpressure.Lane's, then a loop's inbox. Nothing blocks under any of
// them.
package reactor
