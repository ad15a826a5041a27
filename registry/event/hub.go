package event

import (
	"sync/atomic"

	"weir/codec"
	"weir/registry/protocol"
)

// Hub is what all subscribers share who are offered the same: how often each list has changed, and what all subscribers
// of the server hold together. Safe for concurrent use.
type Hub struct {
	*shared
	lists [protocol.ListCount]atomic.Uint32
}

// shared is what all hubs of a server have in common.
type shared struct {
	opt    Options
	series series

	subscriptions atomic.Int64
	subscribed    atomic.Int64 // bytes of them
	refusals      [limitListen]*codec.Error
	streams       atomic.Int64 // of sessions, open
	keptBytes     atomic.Int64 // for resuming, of all sessions
}

// NewHub makes the hub of a server. The options are checked by who has them from outside.
func NewHub(opt Options) *Hub {
	h := &Hub{shared: &shared{opt: opt}}
	h.series = newSeries(h, opt.Metrics)
	h.refusals = refusalsOf(&opt)
	return h
}

// Branch makes a hub for who is offered something else: its lists change by themselves, and what its subscribers hold
// counts with all others'.
func (h *Hub) Branch() *Hub { return &Hub{shared: h.shared} }

// Keeps says whether events are kept for clients that resume.
func (h *Hub) Keeps() bool { return h.opt.MaxEventStoreEvents > 0 && h.opt.MaxEventStoreBytes > 0 }

// What a subscription and a listen take beside the text of what they name, about (TestSubscriptionBytes).
const (
	subscriptionBytes = 640
	listenBytes       = 1664 // with its call and its conversation's note of that
)

// take counts one more subscription of a client that has some, and bytes more; or refuses it.
func (h *Hub) take(has, bytes int) *codec.Error {
	switch {
	case has >= h.opt.MaxSubscriptionsPerClient:
		return h.refuse(limitClient)
	case h.subscriptions.Add(1) > int64(h.opt.MaxSubscriptions):
		h.subscriptions.Add(-1)
		return h.refuse(limitTotal)
	case h.subscribed.Add(int64(bytes)) > int64(h.opt.MaxSubscriptionBytes):
		h.give(1, bytes)
		return h.refuse(limitBytes)
	}
	return nil
}

func (h *Hub) refuse(l limit) *codec.Error {
	h.series.refused[l].Inc()
	return h.refusals[l]
}

// Open is how many streams and subscriptions there are.
func (h *Hub) Open() int64 { return h.streams.Load() + h.subscriptions.Load() }

// give takes n subscriptions and their bytes off again.
func (h *Hub) give(n, bytes int) {
	h.subscriptions.Add(-int64(n))
	h.subscribed.Add(-int64(bytes))
}
