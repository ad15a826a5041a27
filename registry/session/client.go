package session

import (
	"sync/atomic"

	"weir/registry/event"
	"weir/registry/protocol"
)

// Client is what was negotiated with one client, and what it hears of. The zero value is ready: nothing was negotiated.
// It weighs 32 bytes. Safe for concurrent use; must not be copied.
type Client struct {
	// state is the index of the revision, plus one; from levelShift on the log level, plus one, and from
	// capabilityShift on what the client can be asked.
	state atomic.Uint32
	// told is which changes of lists it knows of. On a connection its loop's, in a session fixed.
	told       event.Told
	subscriber atomic.Pointer[event.Subscriber] // nil while it wants to hear of nothing

	listens    atomic.Int32 // open subscriptions/listen requests
	unanswered atomic.Int32 // our requests that it has not answered
}

const (
	levelShift      = 8
	capabilityShift = 16
)

// Negotiated is the index of the revision, plus one, or zero before initialize.
func (c *Client) Negotiated() int { return int(c.state.Load() & (1<<levelShift - 1)) }

// Negotiate fixes the revision, and what the client can be asked, in a conversation that begins now: what hub knows of
// is nothing new to it.
func (c *Client) Negotiate(revision int, declared protocol.Capabilities, hub *event.Hub) {
	c.state.Store(uint32(revision+1) | uint32(declared)<<capabilityShift)
	hub.CatchUp(&c.told)
}

// defaultLogLevel is what a legacy client gets that never said what it wants: info. Which messages it then gets is the
// server's choice (MCP 2025-11-25, server/utilities/logging).
const defaultLogLevel protocol.LogLevel = 1

// LogLevel is the lowest level of log messages that the client wants; info before it said so.
func (c *Client) LogLevel() protocol.LogLevel {
	if set := uint8(c.state.Load() >> levelShift); set > 0 {
		return protocol.LogLevel(set - 1)
	}
	return defaultLogLevel
}

// SetLogLevel is logging/setLevel. What else is in state is fixed by now; of two at once one wins.
func (c *Client) SetLogLevel(level protocol.LogLevel) {
	c.state.Store(c.state.Load()&^(0xff<<levelShift) | uint32(level+1)<<levelShift)
}

// Capabilities is what a legacy client declared that it can be asked.
func (c *Client) Capabilities() protocol.Capabilities {
	return protocol.Capabilities(c.state.Load() >> capabilityShift)
}

// Subscriber is what the client hears through; nil while it wants to hear of nothing.
func (c *Client) Subscriber() *event.Subscriber { return c.subscriber.Load() }

// SubscriberOf is Subscriber, made at its first need.
func (c *Client) SubscriberOf(hub *event.Hub) *event.Subscriber {
	if s := c.subscriber.Load(); s != nil {
		return s
	}
	c.subscriber.CompareAndSwap(nil, hub.NewSubscriber(&c.told))
	return c.subscriber.Load()
}

// Listens counts the open listens of a connection, for event.Hub.Listen.
func (c *Client) Listens() *atomic.Int32 { return &c.listens }

// Unanswered implements clientreq.Client.
func (c *Client) Unanswered() *atomic.Int32 { return &c.unanswered }

// Over says whether Close was called.
func (c *Client) Over() bool {
	s := c.subscriber.Load()
	return s != nil && s.Over()
}

// AppendOwed appends the next message that a legacy client on a connection of its own is owed; nothing when none is.
// The transport calls it while the client reads, on the connection's loop.
func (c *Client) AppendOwed(dst []byte, hub *event.Hub) []byte {
	if c.Negotiated() == 0 {
		return dst
	}
	from := len(dst)
	if dst = hub.AppendListChanged(dst, &c.told); len(dst) > from {
		return dst
	}
	if s := c.subscriber.Load(); s != nil {
		if stream := s.Current(); stream != nil {
			dst, _ = stream.Next(dst)
		}
	}
	return dst
}

// Holds is what the client's subscriptions take, and the events that are kept for it.
func (c *Client) Holds() (subscribed, events int) {
	if s := c.subscriber.Load(); s != nil {
		return s.Holds()
	}
	return 0, 0
}

// Close ends what the client is subscribed to, and keeps it from beginning again: it is gone. In a session a message
// may have found the client before, and be served after.
func (c *Client) Close() {
	if !c.subscriber.CompareAndSwap(nil, event.Ended) {
		c.subscriber.Load().End()
	}
}
