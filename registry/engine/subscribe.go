package engine

import (
	"weir/codec"
	"weir/registry/event"
	"weir/registry/fault"
	"weir/registry/offer"
	"weir/registry/protocol"
)

// What a client wants to hear of unasked: changed lists and updated resources. Legacy clients hear of every changed
// list and name resources with resources/subscribe; modern ones name all of it in a subscriptions/listen, which stays
// open.

// ResourceUpdated tells the clients that subscribed to uri that reading it again would show something new. The uri need
// not be registered: a template may serve it, or it may be what a client subscribed to. Any goroutine; it never waits.
func (eng *Engine) ResourceUpdated(uri string) { eng.topics.Updated(uri) }

// Topics are what is subscribed to, and Offer what is offered, for who keeps both for another server.
func (eng *Engine) Topics() *event.Topics { return &eng.topics }

// Offer is what Topics says.
func (eng *Engine) Offer() *offer.Offer { return eng.offer }

// listsChanged has the transports look whom a changed list concerns. It is called on whatever goroutine changed it,
// possibly several at once, and after the change is noted. It must not block: views change while their endpoint does.
func (eng *Engine) listsChanged() {
	if s := eng.server.Load(); s != nil {
		(*s).ListsChanged()
	}
}

// subscriberFor is that of x's conversation; on a connection of its own its client hears of what it is owed from now
// on.
func (eng *Engine) subscriberFor(x *Exchange) *event.Subscriber {
	s := x.Conv.SubscriberOf(x.View.Hub)
	if x.Transport != HTTP && x.Responder != nil {
		s.Connect(x.Responder.Peer())
	}
	return s
}

// serveSubscribe is resources/subscribe. Subscribing twice is subscribing once.
func serveSubscribe(eng *Engine, x *Exchange, dst []byte) []byte {
	uri, e := x.watchedURI()
	if e != nil {
		return codec.AppendError(dst, x.ID(), e)
	}
	if !x.View.Hears([]byte(uri)) {
		return x.appendError(dst, x.Rev().ResourceNotFoundError(uri))
	}
	if _, e := eng.subscriberFor(x).Subscribe(eng.topics.Topic(uri)); e != nil {
		return x.appendError(dst, e)
	}
	return codec.AppendResult(dst, x.ID(), []byte(emptyResultJSON))
}

// serveUnsubscribe is resources/unsubscribe; what was not subscribed to is not an error, the client has what it wants.
func serveUnsubscribe(eng *Engine, x *Exchange, dst []byte) []byte {
	uri, e := x.watchedURI()
	if e != nil {
		return codec.AppendError(dst, x.ID(), e)
	}
	if s := x.Conv.Subscriber(); s != nil {
		s.Unsubscribe(eng.topics.Topic(uri))
	}
	return codec.AppendResult(dst, x.ID(), []byte(emptyResultJSON))
}

func (x *Exchange) watchedURI() (string, *codec.Error) { return watchedURI(x.Env.URI.Of(x.Raw)) }

func watchedURI(token []byte) (string, *codec.Error) {
	uri, ok := codec.StringOf(token)
	if !ok || len(uri) == 0 || len(uri) > protocol.MaxURIBytes {
		return "", fault.WatchedURI
	}
	return string(uri), nil
}
