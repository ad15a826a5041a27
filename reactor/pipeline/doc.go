// Package pipeline is a message's life between the bytes of its connection and its answer: scan, route, admit, queue,
// run, answer. The first half is done on the connection's loop (Intake), the second by a worker (Conn.Run); control
// and errors never leave the loop. Calls that wait for their clients, that outlive their connections, whose handlers
// are out of time, and tasks go through it as well.
//
// Its one rule: a message that was taken in gets exactly one outcome. Every Call has one holder who releases it, or
// hands it on.
//
// It never knows how a message is framed, nor what else a transport says (Transport); nor what a method does
// (registry).
//
// Lock order: a connection's (loop.Conn), then backpressure.Lane's, then a loop's inbox. Nothing blocks under any of
// them.
package pipeline
