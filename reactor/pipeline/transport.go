package pipeline

import (
	"time"

	"weir/reactor/loop"
)

// Transport is what a connection speaks. It has two halves, for two callers.
type Transport interface {
	Conduct
	Sender
}

// Conduct is how a connection behaves towards its peer. The loop calls it, and nobody else.
type Conduct interface {
	// Decode takes whole messages off the front of b and returns how many bytes it is done with; the rest comes again
	// with more behind it. It may rewrite b and must not keep it. It stops early when the connection halts.
	Decode(in *Intake, c *Conn, b []byte) int
	// EOF gets what the peer left unfinished when it closed its side.
	EOF(in *Intake, c *Conn, rest []byte)
	// Feed sends what the peer is owed of its streams while it reads, and ends the streams that are over; all of
	// them, in the words that their client understands, once the server drains.
	Feed(in *Intake, c *Conn)
	// Tick passes the time, once per sweep: it keeps open streams alive, and names the deadline that a peer has
	// missed which has been silent for quiet nanoseconds.
	Tick(c *Conn, w loop.Waiting, quiet int64) loop.Reason
	// GoAway tells the peer why the server is about to close the connection, and whether the transport has a word for
	// it. Loop.
	GoAway(c *Conn, why loop.Reason) (told bool)
	// Closed tells that the connection ended: what its calls share ends with it.
	Closed(c *Conn) (cancelled int)
}

// Sender is how what the server says to a call reaches its peer. Address, Answer and Notify are for any goroutine.
type Sender interface {
	// Address sets what every message of this transport has in common.
	Address(k *Call)
	// Order is where answers wait for their turn; nil where they may leave in any order.
	Order() Order
	// Answer appends k's answer, framed, to out, or sends it in its turn. It takes k over.
	Answer(c *Conn, k *Call, message, out []byte) []byte
	// Notify sends a message that belongs to k ahead of k's answer, at once or in k's turn, or drops it and says
	// false. The handler of k has not returned.
	Notify(c *Conn, k *Call, message []byte) bool
	// Open begins the stream of k, which takes k over; first is its first message. Loop.
	Open(in *Intake, c *Conn, k *Call, first []byte)
}

// Order is that of the answers of a connection, in which each call has a place from before its admission until its
// answer has left. Any goroutine, but for Queue.
type Order interface {
	// Queue gives k the last place. What the loop has answered before must be on its way first. Loop.
	Queue(in *Intake, c *Conn, k *Call)
	// Drop gives k's place up: its admission failed, or its connection ended and the order with it.
	Drop(c *Conn, k *Call)
	// SetStarted notes that a worker has begun with k, or, of one that was suspended and goes on, that it has not
	// again.
	SetStarted(c *Conn, k *Call, started bool)
	// Replace moves what is k's to know of stuck's response, and its place if it still has one.
	Replace(c *Conn, stuck, k *Call)
	// CloseStream ends the stream that carries k's messages, and tells its client to come back after retry. It
	// reports whether there was one that can be resumed.
	CloseStream(c *Conn, k *Call, retry time.Duration) bool
}
