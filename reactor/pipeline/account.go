package pipeline

// Account says where the bytes are that a client makes the server hold: room, not text, with its bookkeeping. It is put
// together when somebody asks, from what each part counts anyway.
type Account struct {
	Unfinished int // of a message that is not complete
	Unread     int // answers that the peer has not read
	Kept       int // answers that wait for their turn, or for the others of their batch
	Queued     int // messages that wait for a worker
	Suspended  int // messages of calls that wait for their client
	Subscribed int // what it wants to hear of
	Events     int // kept for streams that can be resumed
	Cancelled  int // ids of cancellations whose messages wait
}

// Total is all of it.
func (a *Account) Total() int {
	return a.Unfinished + a.Unread + a.Kept + a.Queued + a.Suspended + a.Subscribed + a.Events + a.Cancelled
}

// listener is a transport that has listens open. Loop only.
type listener interface{ ListenBytes(c *Conn) int }

// recallBytes is about what a cancellation that waits takes beside its id.
const recallBytes = 32

// Account is that of the connection, without what its sessions hold: those are many connections'. Loop only.
func (c *Conn) Account() Account {
	var a Account
	a.Unfinished, a.Unread, a.Kept = c.Holds()
	a.Queued = c.lane.HeldBytes()
	if c.blocked != nil {
		a.Queued += callBytes + cap(c.blocked.Raw)
	}
	if l, has := c.transport.(listener); has {
		a.Subscribed = l.ListenBytes(c)
	}
	k := c.intake.NewCall(c) // it has the conversation, where the connection is one
	if conv := k.Conv; conv != nil {
		subscribed, events := conv.Holds()
		a.Subscribed += subscribed
		a.Events += events
		a.Suspended = c.intake.p.Engine.SuspendedBytes(conv)
	}
	k.Release()
	c.Lock()
	defer c.Unlock()
	if c.compacted != nil {
		for _, r := range c.compacted.recalled {
			a.Cancelled += recallBytes + len(r.id)
		}
	}
	return a
}
