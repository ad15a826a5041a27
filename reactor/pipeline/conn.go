package pipeline

import (
	"weir/backpressure"
	"weir/reactor/auth"
	"weir/reactor/loop"
)

// Why no more calls of a connection are started: bits of Conn.laneStops.
const (
	stopUnread uint8 = 1 << iota // its peer does not read the answers
	stopOrder                    // too many answers wait behind one that is not there yet (HTTP)
)

// Conn is one connection, and the loop.Handler of what it reads.
type Conn struct {
	loop.Conn
	intake *Intake // of its loop

	// The loop's.
	transport Transport
	blocked   *Call // with on_full pause: the message that found the queue full
	overasked int16 // refusals that its calls have not made up for: see overasks
	heldBack  bool  // it is not read, because of them
	kind      Kind  // what it speaks

	// AuthBy is the loop's time by which the peer must have said who it is; 0: it has, or need not. The loop's.
	AuthBy int64
	// Credential is whose the connection acts for; nil: anybody's. Set once on lines and WebSockets, per request over
	// HTTP. The loop's.
	Credential *auth.Credential

	// Anybody's.
	lane backpressure.Lane

	// Guarded by the connection's lock.
	compacted *compacted // of the calls that are kept compact; nil while none are
	laneStops uint8      // why no more of its calls are started
}

// NewConn makes a connection that speaks t; Init makes it one of a descriptor.
func NewConn(in *Intake, t Transport) *Conn {
	c := &Conn{intake: in, transport: t}
	c.lane.Init(c)
	return c
}

// BePatient has none of the connection's calls wait too long. Before it is its loop's.
func (c *Conn) BePatient() { c.lane.BePatient() }

// stopLaneLocked starts no more calls of the connection for one more cause.
func (c *Conn) stopLaneLocked(cause uint8) {
	if c.laneStops == 0 {
		c.intake.p.Queue.Pause(&c.lane)
	}
	c.laneStops |= cause
}

// startLaneLocked takes a cause back.
func (c *Conn) startLaneLocked(cause uint8) {
	if c.laneStops == cause {
		c.intake.p.Queue.Resume(&c.lane)
	}
	c.laneStops &^= cause
}

// Intake is that of the connection's loop.
func (c *Conn) Intake() *Intake { return c.intake }

// Transport is what the connection speaks. Any goroutine while something is in progress, else the loop.
func (c *Conn) Transport() Transport { return c.transport }

// SetTransport makes t, which is of that kind, what the connection speaks from now on; nothing it was asked may be in
// progress. Loop only.
func (c *Conn) SetTransport(t Transport, k Kind) {
	counts := &c.intake.p.kinds
	counts[c.kind].Add(-1)
	c.transport, c.kind = t, k
	counts[k].Add(1)
}

// Counted counts c, which is open from now on, by what it speaks. Once, before it is its loop's.
func (c *Conn) Counted() *loop.Conn {
	c.kind = kindOf(c.Listener().Name)
	c.intake.p.kinds[c.kind].Add(1)
	return &c.Conn
}

// Kind is what the connection speaks. Loop only.
func (c *Conn) Kind() Kind { return c.kind }

// Principal is in whose name the connection acts; "" is anybody. The loop; workers too for lines and WebSockets,
// where it does not change once there are messages.
func (c *Conn) Principal() string {
	if c.Credential == nil {
		return ""
	}
	return c.Credential.Principal
}

// ActFor has c act in the name of who's principal from now on, if that one may have another connection. Loop, or
// before c has one.
func (c *Conn) ActFor(who *auth.Credential) backpressure.Refusal {
	limits := c.intake.p.Limits
	if c.Credential == nil || c.Credential.Principal != who.Principal {
		if refusal := limits.Join(who.Principal); refusal != backpressure.Accepted {
			return refusal
		}
		if c.Credential != nil {
			limits.Leave(c.Credential.Principal)
		}
	}
	if c.Credential == nil || c.Credential.Principal != who.Principal {
		c.intake.p.Queue.Join(&c.lane, who.Principal)
	}
	c.Credential = who
	return backpressure.Accepted
}

// StopCallsLocked starts no more of the connection's calls, or again: too many answers wait behind one that is not
// there yet.
func (c *Conn) StopCallsLocked(stop bool) {
	if stop {
		c.stopLaneLocked(stopOrder)
	} else {
		c.startLaneLocked(stopOrder)
	}
}
