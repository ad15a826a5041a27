package registry

import (
	"strconv"
	"sync"

	"weir/codec"
	"weir/registry/event"
	"weir/registry/protocol"
)

// What a client wants to hear of unasked: changed lists and updated resources. Legacy clients hear of every changed
// list and name resources with resources/subscribe; modern ones name all of it in a subscriptions/listen, which stays
// open.

// topics finds the subscribers of a resource.
type topics struct {
	mu    sync.RWMutex
	byURI map[string]map[*event.Subscription]struct{}
}

func (t *topics) add(uri string, sub *event.Subscription) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byURI == nil {
		t.byURI = make(map[string]map[*event.Subscription]struct{})
	}
	subscribers := t.byURI[uri]
	if subscribers == nil {
		subscribers = make(map[*event.Subscription]struct{}, 1)
		t.byURI[uri] = subscribers
	}
	subscribers[sub] = struct{}{}
}

func (t *topics) drop(uri string, sub *event.Subscription) {
	t.mu.Lock()
	defer t.mu.Unlock()
	subscribers := t.byURI[uri]
	delete(subscribers, sub)
	if len(subscribers) == 0 {
		delete(t.byURI, uri)
	}
}

// of returns who subscribes to uri now, so that they can be told without the lock.
func (t *topics) of(uri string) []*event.Subscription {
	t.mu.RLock()
	defer t.mu.RUnlock()
	subscribers := t.byURI[uri]
	if len(subscribers) == 0 {
		return nil
	}
	all := make([]*event.Subscription, 0, len(subscribers))
	for sub := range subscribers {
		all = append(all, sub)
	}
	return all
}

// topic is a resource as somebody hears of it. It need not be registered.
type topic struct {
	topics *topics
	uri    string
}

// Attach implements event.Source.
func (t topic) Attach(sub *event.Subscription) bool {
	t.topics.add(t.uri, sub)
	return true
}

// Append implements event.Source.
func (t topic) Append(dst []byte, to *event.Subscriber) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{`...)
	if to.Listens() {
		dst = append(to.AppendMeta(dst), ',')
	}
	dst = codec.AppendQuoted(append(dst, `"uri":`...), t.uri)
	return append(dst, "}}"...)
}

// Detach implements event.Source.
func (t topic) Detach(sub *event.Subscription) { t.topics.drop(t.uri, sub) }

// subscriberFor is that of x's conversation; on a connection of its own its client hears of what it is owed from now
// on.
func (r *Registry) subscriberFor(x *Exchange) *event.Subscriber {
	s := x.Conv.SubscriberOf(r.events)
	if x.Transport != HTTP && x.Responder != nil {
		s.Connect(x.Responder.Peer())
	}
	return s
}

// serveSubscribe is resources/subscribe. Subscribing twice is subscribing once.
func serveSubscribe(r *Registry, x *Exchange, dst []byte) []byte {
	uri, e := x.watchedURI()
	if e != nil {
		return codec.AppendError(dst, x.ID(), e)
	}
	if _, e := r.subscriberFor(x).Subscribe(topic{&r.topics, uri}); e != nil {
		x.Outcome = LimitReached
		return codec.AppendError(dst, x.ID(), e)
	}
	return codec.AppendResult(dst, x.ID(), []byte(emptyResultJSON))
}

// serveUnsubscribe is resources/unsubscribe; what was not subscribed to is not an error, the client has what it wants.
func serveUnsubscribe(r *Registry, x *Exchange, dst []byte) []byte {
	uri, e := x.watchedURI()
	if e != nil {
		return codec.AppendError(dst, x.ID(), e)
	}
	if s := x.Conv.Subscriber(); s != nil {
		s.Unsubscribe(topic{&r.topics, uri})
	}
	return codec.AppendResult(dst, x.ID(), []byte(emptyResultJSON))
}

func (x *Exchange) watchedURI() (string, *codec.Error) { return watchedURI(x.Env.URI.Of(x.Raw)) }

func watchedURI(token []byte) (string, *codec.Error) {
	uri, ok := codec.StringOf(token)
	if !ok || len(uri) == 0 || len(uri) > protocol.MaxURIBytes {
		return "", errWatchedURI
	}
	return string(uri), nil
}

var errWatchedURI = &codec.Error{Code: codec.CodeInvalidParams,
	Message: "a resource to subscribe to must be a URI of 1 to " + strconv.Itoa(protocol.MaxURIBytes) + " bytes"}
