package engine

import (
	"encoding/json"
	"slices"
	"sync/atomic"

	"weir/codec"
	"weir/registry/event"
	"weir/registry/fault"
	"weir/registry/offer"
	"weir/registry/protocol"
)

// OpenStream opens the stream of a session, which a client asks for with GET (MCP 2025-03-26 to 2025-11-25,
// basic/transports). A session has one, the newest: a client that opens another has lost the one before, which may take
// the kernel a quarter of an hour to find out. The peer is woken when something is owed. Only the principal whose
// session it is gets it, at the endpoint of the session (nil: the main one). Otherwise an outcome is returned with the
// error.
func (eng *Engine) OpenStream(at *offer.View, h *Header, principal string, lastEventID []byte, peer event.Peer,
) (*event.Stream, Outcome, *codec.Error) {
	if h.ProtocolVersion != nil {
		i := protocol.FindRevision(h.ProtocolVersion)
		if i < 0 {
			return nil, Invalid, protocol.UnsupportedVersion(h.ProtocolVersion)
		}
		if !protocol.RevisionAt(i).Streams {
			return nil, NoStream, fault.NoStream
		}
	}
	if len(h.SessionID) == 0 {
		return nil, NoStream, fault.NoStream
	}
	hub := eng.offer.For(at, principal).Hub
	s, ok := eng.sessions.Use(h.SessionID, principal, hub)
	if !ok {
		return nil, UnknownSession, fault.SessionUnknown
	}
	rev := protocol.RevisionAt(s.Conversation.Negotiated() - 1)
	if !rev.Streams {
		return nil, NoStream, fault.NoStream
	}
	stream, e := s.Conversation.SubscriberOf(hub).Open(rev.Primes, lastEventID, peer)
	switch e {
	case nil:
		return stream, Answered, nil
	case event.ErrEnded:
		return nil, UnknownSession, fault.SessionUnknown
	}
	return nil, Invalid, e
}

// serveListen is subscriptions/listen. What it appends is its acknowledgement, the first message of the stream, or the
// error for which there is none.
func serveListen(eng *Engine, x *Exchange, dst []byte) []byte {
	s, wanted, e := eng.listen(x)
	if e != nil {
		return x.appendError(dst, e)
	}
	x.SetStream(s.Current())
	return s.AppendAcknowledged(dst, wanted)
}

func (eng *Engine) listen(x *Exchange) (*event.Subscriber, *event.Filter, *codec.Error) {
	raw := x.Env.Notifications.Of(x.Raw)
	wanted := new(event.Filter)
	if raw == nil || raw[0] != '{' {
		return nil, nil, fault.Filter
	}
	if e := eng.events.Admits(raw); e != nil {
		return nil, nil, e
	}
	if json.Unmarshal(raw, wanted) != nil {
		return nil, nil, fault.Filter
	}
	for _, uri := range wanted.URIs {
		if len(uri) == 0 || len(uri) > protocol.MaxURIBytes {
			return nil, nil, fault.WatchedURI
		}
	}
	if len(wanted.TaskIDs) > 0 && !x.declaresTasks() {
		return nil, nil, protocol.ErrNeedsTasks
	}
	var siblings *atomic.Int32
	if x.Conv != nil {
		siblings = x.Conv.Listens()
	}
	var peer event.Peer
	if x.Responder != nil {
		peer = x.Responder.Peer()
	}
	s, e := x.View.Hub.Listen(x.ID(), wanted, siblings, peer)
	if e != nil {
		return nil, nil, e
	}
	if e := eng.subscribeAll(s, x, wanted); e != nil {
		s.End()
		return nil, nil, e
	}
	return s, wanted, nil
}

// subscribeAll has a listen hear of what its filter names one by one, and leaves out of the filter what there is not.
func (eng *Engine) subscribeAll(s *event.Subscriber, x *Exchange, wanted *event.Filter) *codec.Error {
	wanted.URIs = slices.DeleteFunc(wanted.URIs, func(uri string) bool { return !x.View.Hears([]byte(uri)) })
	for _, uri := range wanted.URIs {
		if _, e := s.Subscribe(eng.topics.Topic(uri)); e != nil {
			return e
		}
	}
	return eng.watchTasks(s, x, wanted)
}

// OpenPostStream makes the stream that answers x resumable, from its first event on; nil when it is not: without a
// session, in a revision without streams, in a batch, with replay switched off, and for a request that only waits and
// is as well sent again. x is in flight and its Responder set.
func (eng *Engine) OpenPostStream(x *Exchange) *event.PostStream {
	if x.Conv == nil || x.EndsWithPeer() || x.Transport != HTTP || x.InBatch || !x.Rev().Streams || !eng.events.Keeps() {
		return nil
	}
	return x.Conv.SubscriberOf(x.View.Hub).OpenPost(x.Rev().Primes, x.Responder.Peer())
}
