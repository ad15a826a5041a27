package loop

import "time"

// Options are the bounds of the package. Whoever fills them in has checked them; 0 is only allowed where it says so.
type Options struct {
	// Loops is the number of event loops.
	Loops int
	// ReusePort lets several processes listen on the same ports.
	ReusePort bool
	// Backlog is the length of the kernel's queue of connections that wait to be accepted.
	Backlog int
	// AcceptBatch is how many connections one loop accepts in a row before it serves the others.
	AcceptBatch int
	// MaxConnectionRefusalRate is how many connections per second are told why they are refused; above it accepting
	// stops until the next second. 0: none are told.
	MaxConnectionRefusalRate int
	// ReadBufferBytes is what one read may bring, per loop.
	ReadBufferBytes int
	// SendBufferBytes is what the kernel may hold of a connection beyond what is on its way to the peer.
	SendBufferBytes int
	// MaxOutboxBytes is how much may wait in a connection beyond that; above it the connection is not read until half
	// has gone.
	MaxOutboxBytes int
	// MaxOutboxTotalBytes is the same for all connections together; the one that would exceed it is closed.
	MaxOutboxTotalBytes int
	// MaxInputTotalBytes bounds the unfinished messages of all connections together; the one that would exceed it is
	// closed.
	MaxInputTotalBytes int
	// FirstByteTimeout is how long a new connection may stay silent. 0: for ever.
	FirstByteTimeout time.Duration
	// MessageTimeout and MinReceiveRate (bytes per second) judge a message that does not come to its end
	// (Conn.MessageLate).
	MessageTimeout time.Duration
	MinReceiveRate int
	// WriteTimeout closes a connection that takes none of the bytes waiting for it for this long.
	WriteTimeout time.Duration
	// PeerTimeout is how long a TCP peer may acknowledge nothing. 0: as long as the kernel's own settings say.
	PeerTimeout time.Duration
	// LingerTimeout is how long a connection that we ended waits for the peer to close too. 0: not at all.
	LingerTimeout time.Duration
}
