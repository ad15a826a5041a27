package event

import (
	"sync/atomic"

	"weir/codec"
	"weir/registry/protocol"
)

// Hub is what all subscribers of a server share: how often each list has changed, and what they hold together. Safe for
// concurrent use.
type Hub struct {
	opt    Options
	series series

	lists         [protocol.ListCount]atomic.Uint32
	subscriptions atomic.Int64
	streams       atomic.Int64 // of sessions, open
	keptBytes     atomic.Int64 // for resuming, of all sessions
}

// NewHub makes the hub of a server. The options are checked by who has them from outside.
func NewHub(opt Options) *Hub {
	h := &Hub{opt: opt}
	h.series = newSeries(h, opt.Metrics)
	return h
}

// Keeps says whether events are kept for clients that resume.
func (h *Hub) Keeps() bool { return h.opt.MaxEventStoreEvents > 0 && h.opt.MaxEventStoreBytes > 0 }

// take counts one more subscription, for a client that has some, or says which limit is reached.
func (h *Hub) take(has int) *codec.Error {
	if has >= h.opt.MaxSubscriptionsPerClient {
		h.series.refused[limitClient].Inc()
		return ErrClientLimit
	}
	if h.subscriptions.Add(1) > int64(h.opt.MaxSubscriptions) {
		h.subscriptions.Add(-1)
		h.series.refused[limitTotal].Inc()
		return ErrTotalLimit
	}
	return nil
}

func (h *Hub) give(n int) { h.subscriptions.Add(-int64(n)) }
