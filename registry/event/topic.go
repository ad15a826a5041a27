package event

import (
	"maps"
	"slices"
	"sync"

	"weir/codec"
)

// Topics finds the subscribers of a resource. The zero value is ready. Safe for concurrent use.
type Topics struct {
	mu    sync.RWMutex
	byURI map[string]map[*Subscription]struct{}
	watch func(uri string)
}

// Watch has f called with each resource that gets its first subscriber, or has lost its last: Wanted says which. It is
// called on any goroutine, several at once, with a subscriber locked, and must not block. Nil ends it.
func (t *Topics) Watch(f func(uri string)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.watch = f
}

// Wanted says whether anybody subscribes to uri.
func (t *Topics) Wanted(uri string) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.byURI[uri]) > 0
}

// All is every resource that somebody subscribes to.
func (t *Topics) All() []string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return slices.Collect(maps.Keys(t.byURI))
}

func (t *Topics) add(uri string, sub *Subscription) {
	if watch := t.put(uri, sub); watch != nil {
		watch(uri)
	}
}

// put returns who is to be told.
func (t *Topics) put(uri string, sub *Subscription) (watch func(string)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byURI == nil {
		t.byURI = make(map[string]map[*Subscription]struct{})
	}
	subscribers := t.byURI[uri]
	if subscribers == nil {
		subscribers = make(map[*Subscription]struct{}, 1)
		t.byURI[uri], watch = subscribers, t.watch
	}
	subscribers[sub] = struct{}{}
	return watch
}

func (t *Topics) drop(uri string, sub *Subscription) {
	if watch := t.take(uri, sub); watch != nil {
		watch(uri)
	}
}

// take returns who is to be told.
func (t *Topics) take(uri string, sub *Subscription) (watch func(string)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	subscribers := t.byURI[uri]
	delete(subscribers, sub)
	if len(subscribers) == 0 {
		delete(t.byURI, uri)
		return t.watch
	}
	return nil
}

// Updated has everybody who subscribes to uri hear of it. Any goroutine; it never waits.
func (t *Topics) Updated(uri string) {
	for _, sub := range t.of(uri) {
		sub.Owe()
	}
}

// of returns who subscribes to uri now, so that they can be told without the lock.
func (t *Topics) of(uri string) []*Subscription {
	t.mu.RLock()
	defer t.mu.RUnlock()
	subscribers := t.byURI[uri]
	if len(subscribers) == 0 {
		return nil
	}
	all := make([]*Subscription, 0, len(subscribers))
	for sub := range subscribers {
		all = append(all, sub)
	}
	return all
}

// Topic is a resource as somebody hears of it. It need not be registered.
func (t *Topics) Topic(uri string) Source { return topic{t, uri} }

type topic struct {
	topics *Topics
	uri    string
}

// Attach implements Source.
func (t topic) Attach(sub *Subscription) bool {
	t.topics.add(t.uri, sub)
	return true
}

// Append implements Source.
func (t topic) Append(dst []byte, to *Subscriber) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{`...)
	if to.Listens() {
		dst = append(to.AppendMeta(dst), ',')
	}
	dst = codec.AppendQuoted(append(dst, `"uri":`...), t.uri)
	return append(dst, "}}"...)
}

// Bytes implements Source.
func (t topic) Bytes() int { return len(t.uri) }

// Detach implements Source.
func (t topic) Detach(sub *Subscription) { t.topics.drop(t.uri, sub) }
