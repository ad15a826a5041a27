package loop

import (
	"net/netip"

	"weir/backpressure"
)

// Handler is what a connection's bytes mean. All methods but Throttle are called by the connection's loop, none of
// them may block, and a slice they are given is the loop's again when they return.
type Handler interface {
	// Decode takes whole messages off the front of b and returns how many bytes it is done with; the rest comes again
	// with more behind it. It may rewrite b. It stops early when the connection halts (Conn.Halted).
	Decode(b []byte) (used int)
	// EOF gets what the peer left unfinished when it closed its side. The connection ends once all is answered. It is
	// called once at most.
	EOF(rest []byte)
	// Ready is called when somebody asked for it (Conn.Post, Loops.VisitAll), and when the kernel has taken what
	// waited.
	Ready()
	// Tick passes the time, once per sweep: it names the deadline that a peer has missed which has been silent for so
	// many nanoseconds. more asks to be called again soon, because the rest of the work would hold up the others.
	Tick(w Waiting, silent int64) (missed Reason, more bool)
	// Throttle says that the peer does not read what is answered, or does again. The connection is locked. Any
	// goroutine.
	Throttle(unread bool)
	// GoAway is the last chance to tell the peer that the connection is about to be closed for a deadline it missed, or
	// because the server stops. It says whether the protocol had words for that: then the connection is closed when they
	// are written.
	GoAway(why Reason) (told bool)
	// Closed is called once, when the connection has ended and its descriptor is closed.
	Closed(why Reason)
}

// Waiting says what the silence of a peer means.
type Waiting uint8

const (
	WaitingForUs      Waiting = iota // it is our turn: what it asked is not answered, or we do not read
	WaitingForFirst                  // it has not sent a byte yet
	WaitingForRest                   // of a message only a part has come
	WaitingForNothing                // it may speak when it likes
)

// Host is who the loops work for. Its methods are called by a loop, on its goroutine, and must not block.
type Host interface {
	// Accept makes the connection of an accepted descriptor, which is to live on home: a Conn after Init, embedded in
	// whatever the Host keeps of it. A refusal keeps nothing. now is the time.
	Accept(home *Loop, ln *Listener, fd int32, addr netip.Addr, now int64) (*Conn, backpressure.Refusal)
	// CountRefusal counts a peer that is turned away.
	CountRefusal(refusal backpressure.Refusal)
	// AppendRefusal appends what such a peer is told, in the words of its listener. Not everyone is told.
	AppendRefusal(dst []byte, ln *Listener, refusal backpressure.Refusal) []byte
	// Tick is called before each part of a sweep.
	Tick(l *Loop)
	// Crowded says whether there is work that a loop with nothing to do should make room for.
	Crowded() bool
}

// Job is something to do on a loop. A pointer costs no allocation.
type Job interface {
	// OnLoop does it. It must not block.
	OnLoop(l *Loop)
}
