package reactor

import "weir/reactor/loop"

// transport is what a connection speaks: lines, WebSocket, HTTP, HTTP+SSE. It has two halves, for two callers.
type transport interface {
	conduct
	responder
}

// conduct is how a connection behaves towards its peer. The loop calls it, and nobody else.
type conduct interface {
	// decode takes whole messages off the front of b and returns how many bytes it is done with; the rest comes again
	// with more behind it. It may rewrite b and must not keep it. It stops early when the connection halts.
	decode(in *intake, c *conn, b []byte) int
	// eof gets what the peer left unfinished when it closed its side.
	eof(in *intake, c *conn, rest []byte)
	// feed sends what the peer is owed of its streams while it reads, and ends the streams that are over; all of them, in the
	// words that their client understands, once the server drains.
	feed(in *intake, c *conn)
	// tick passes the time, once per sweep: it keeps open streams alive, and names the deadline that a peer has missed which
	// has been silent for quiet nanoseconds.
	tick(c *conn, w loop.Waiting, quiet int64) loop.Reason
	// missed tells the peer that it has missed a deadline, if the transport has a word for it.
	missed(in *intake, c *conn, deadline loop.Reason) (told bool)
	// goAway tells the peer that the server is about to close the connection, if the transport has a word for it.
	goAway(c *conn)
	// closed tells that the connection ended: what its calls share ends with it.
	closed(c *conn) (cancelled int)
}

// responder is how what the server says to a call reaches its peer. address, answer and notify are for any goroutine.
type responder interface {
	// address sets what every message of this transport has in common.
	address(k *call)
	// order is where answers wait for their turn; nil where they may leave in any order.
	order() *answerOrder
	// answer appends k's answer, framed, to out, or sends it in its turn. It takes k over.
	answer(c *conn, k *call, message, out []byte) []byte
	// notify sends a message that belongs to k ahead of k's answer, at once or in k's turn, or drops it and says false. The
	// handler of k has not returned.
	notify(c *conn, k *call, message []byte) bool
	// open begins the stream of k, which takes k over; first is its first message. Loop.
	open(in *intake, c *conn, k *call, first []byte)
}
