package engine

import "weir/registry/event"

// OpenPostStream makes the stream that answers x resumable, from its first event on; nil when it is not: without a
// session, in a revision without streams, in a batch, with replay switched off, and for a request that only waits and
// is as well sent again. x is in flight and its Responder set.
func (eng *Engine) OpenPostStream(x *Exchange) *event.PostStream {
	if x.Conv == nil || x.EndsWithPeer() || x.Transport != HTTP || x.InBatch || !x.Rev().Streams || !eng.events.Keeps() {
		return nil
	}
	return x.Conv.SubscriberOf(eng.events).OpenPost(x.Rev().Primes, x.Responder.Peer())
}
