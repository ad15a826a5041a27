package registry

import (
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"weir/codec"
	"weir/registry/task"
)

// What a client wants to hear of unasked: changed lists and updated resources. Legacy clients hear of every changed list
// and name resources with resources/subscribe; modern ones name all of it in a subscriptions/listen, which stays open.
//
// Nothing is sent from here, and a change costs nobody who does not listen anything. A change of a list raises that
// list's number (Registry.lists); whoever has been told an older one owes its client a notification, however many
// changes there were. An updated resource is marked once with each subscriber until it was told. So a client that does
// not read costs a number and its marks, and the transport asks (Stream.Next) when it does read: it is woken by
// Peer.Wake for a resource, and by Server.ListsChanged for a list.

// Peer is the connection at the other end of a stream.
type Peer interface {
	// Wake has the transport ask for what is owed, soon and on its own loop. Any goroutine; it must not block.
	Wake()
}

// Feed is what one conversation, or one subscriptions/listen, wants to hear of and has not heard yet.
type Feed struct {
	r     *Registry
	id    []byte // of the listen request; nil: a legacy conversation's
	lists [listKinds]bool

	listens *atomic.Int32 // those open on the connection of this one; nil for others

	mu          sync.Mutex
	stream      *Stream // what it goes out on; nil while a session has none open
	told        [listKinds]uint32
	watched     map[string]*watch // by URI
	tasks       map[string]*watch // by task id
	first, last *watch            // those that are owed, oldest first
	events      *replay           // of a session: what its streams have carried
	end         streamEnd
	asks        map[string]*ask // our requests to the client that it has not answered, by id
}

// watch is one subscribed resource, or one task, of one feed. Guarded by the feed's mutex.
type watch struct {
	feed *Feed
	next *watch     // in the list of what is owed
	uri  []byte     // as a JSON string
	task *task.Task // instead
	// progress is the latest of a task that was not told; changed: its status was not either.
	progress []byte
	changed  bool
	owed     bool
	gone     bool // unsubscribed while it was owed
}

// Stream is a feed's way out: the open response of a session's GET or of a listen, or a whole connection. Or it is the
// response to a GET that resumed a POST's.
type Stream struct {
	feed  *Feed
	peer  Peer
	trail *Trail // whose events it carries; nil where they have no ids

	// Guarded by the feed's mutex.
	parted bool          // to be closed on purpose, before its trail ends:
	until  uint32        // behind this event
	retry  time.Duration // for so long
}

// OfPost says whether s has resumed the response to a POST.
func (s *Stream) OfPost() bool { return s.trail != nil && s.trail.number != 0 }

// streamEnd says why a stream carries nothing more.
type streamEnd uint8

const (
	streamOpen     streamEnd = iota
	streamReplaced           // its session resumed it elsewhere
	streamEnded              // its session, or its request, has ended: nothing more may be sent
)

// Over says whether s carries nothing more, for ever: the transport closes it. Any goroutine.
func (s *Stream) Over() bool {
	f := s.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	if s.OfPost() {
		return f.end != streamOpen || s.trail.over(s)
	}
	return f.end != streamOpen || f.stream != s
}

// Next appends the next message that is owed to the client, as an event with the given id (0: it has none); nothing
// when none is. The transport calls it while the client reads. One goroutine at a time per stream.
func (s *Stream) Next(dst []byte) (message []byte, id EventID) {
	f := s.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.end != streamOpen:
		return dst, 0
	case s.OfPost():
		return s.trail.next(s, dst)
	case f.stream != s:
		return dst, 0
	}
	if f.events != nil {
		if e := f.events.pending(&f.events.own); e != nil {
			return append(dst, e.message...), eventID(0, e.number)
		}
	}
	from := len(dst)
	if dst = f.appendOwed(dst); len(dst) > from && f.events != nil {
		id = f.events.record(dst[from:])
	}
	return dst, id
}

// appendOwed appends one message. Needs f.mu.
func (f *Feed) appendOwed(dst []byte) []byte {
	for kind := range listKinds {
		if now := f.r.lists[kind].Load(); f.lists[kind] && f.told[kind] != now {
			f.told[kind] = now
			return f.appendListChanged(dst, kind)
		}
	}
	for w := f.first; w != nil; w = f.first {
		if w.progress != nil && w.changed && !w.gone { // the progress now, the change that came after it next
			dst = append(dst, w.progress...)
			w.progress = nil
			return dst
		}
		f.pop()
		switch {
		case w.gone:
		case w.task == nil:
			return f.appendUpdated(dst, w)
		case w.progress != nil:
			dst = append(dst, w.progress...)
			w.progress = nil
			return dst
		default:
			w.changed = false
			return f.appendTaskChanged(dst, w.task)
		}
	}
	return dst
}

// pop takes the oldest off the list of what is owed. Needs f.mu.
func (f *Feed) pop() {
	w := f.first
	if f.first = w.next; f.first == nil {
		f.last = nil
	}
	w.next, w.owed = nil, false
}

// listChanged are the notifications of the legacy era, one per kind.
var listChanged = func() (all [listKinds][]byte) {
	for kind := range listKinds {
		all[kind] = []byte(`{"jsonrpc":"2.0","method":"` + kind.ChangedMethod() + `"}`)
	}
	return all
}()

func (f *Feed) appendListChanged(dst []byte, kind listKind) []byte {
	if f.id == nil {
		return append(dst, listChanged[kind]...)
	}
	dst = append(dst, `{"jsonrpc":"2.0","method":"notifications/`...)
	dst = append(dst, kind.String()...)
	dst = append(dst, `/list_changed","params":{`...)
	return append(f.appendMeta(dst), "}}"...)
}

func (f *Feed) appendUpdated(dst []byte, w *watch) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{`...)
	if f.id != nil {
		dst = append(f.appendMeta(dst), ',')
	}
	dst = append(dst, `"uri":`...)
	dst = append(dst, w.uri...)
	return append(dst, "}}"...)
}

// appendMeta appends the _meta that every message of a listen carries (MCP 2026-07-28, basic/patterns/subscriptions).
func (f *Feed) appendMeta(dst []byte) []byte {
	dst = append(dst, `"_meta":{"`+keySubscription+`":`...)
	dst = append(dst, f.id...)
	return append(dst, '}')
}

// owe marks w and wakes the peer, once until it was told.
func (f *Feed) owe(w *watch) {
	f.mu.Lock()
	w.changed = true
	wake := f.mark(w)
	f.mu.Unlock()
	if wake != nil {
		wake.Wake()
	}
}

// mark puts w on the list of what is owed and returns whom to wake, if anybody. Needs f.mu.
func (f *Feed) mark(w *watch) (wake Peer) {
	if w.owed || w.gone || f.end != streamOpen {
		return nil
	}
	w.owed = true
	if f.last == nil {
		f.first = w
		if f.stream != nil {
			wake = f.stream.peer
		}
	} else {
		f.last.next = w
	}
	f.last = w
	return wake
}

// finish ends the feed for good: its subscriptions are given back, its stream is over. Idempotent.
func (f *Feed) finish() {
	f.mu.Lock()
	if f.end != streamOpen {
		f.mu.Unlock()
		return
	}
	f.end = streamEnded
	watched, tasks, stream := f.watched, f.tasks, f.stream
	f.watched, f.tasks, f.first, f.last = nil, nil, nil, nil
	var carriers []Peer
	if f.events != nil {
		carriers = f.events.carriers()
		f.events.forget()
	}
	f.mu.Unlock()
	for _, peer := range carriers {
		peer.Wake()
	}
	for uri, w := range watched {
		f.r.topics.drop(uri, w)
	}
	for _, w := range tasks {
		w.task.Unwatch(w)
	}
	f.r.giveSubscriptions(len(watched) + (1+len(tasks))*f.itself())
	if f.listens != nil {
		f.listens.Add(-1)
	}
	if stream != nil && stream.peer != nil {
		stream.peer.Wake()
	}
}

// topics finds the subscribers of a resource.
type topics struct {
	mu    sync.RWMutex
	byURI map[string]map[*watch]struct{}
}

func (t *topics) add(uri string, w *watch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byURI == nil {
		t.byURI = make(map[string]map[*watch]struct{})
	}
	watchers := t.byURI[uri]
	if watchers == nil {
		watchers = make(map[*watch]struct{}, 1)
		t.byURI[uri] = watchers
	}
	watchers[w] = struct{}{}
}

func (t *topics) drop(uri string, w *watch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	watchers := t.byURI[uri]
	delete(watchers, w)
	if len(watchers) == 0 {
		delete(t.byURI, uri)
	}
}

// of returns who watches uri now, so that they can be told without the lock.
func (t *topics) of(uri string) []*watch {
	t.mu.RLock()
	defer t.mu.RUnlock()
	watchers := t.byURI[uri]
	if len(watchers) == 0 {
		return nil
	}
	all := make([]*watch, 0, len(watchers))
	for w := range watchers {
		all = append(all, w)
	}
	return all
}

// announceUpdate is Registry.ResourceUpdated.
func (r *Registry) announceUpdate(uri string) {
	for _, w := range r.topics.of(uri) {
		w.feed.owe(w)
	}
}

// announceList notes that a list changed, and has the transports look whom it concerns.
func (r *Registry) announceList(kind listKind) {
	r.lists[kind].Add(1)
	if s := r.server.Load(); s != nil {
		(*s).ListsChanged()
	}
}

// catchUp makes a conversation that begins now owe nothing of what was before.
func (c *Conversation) catchUp(r *Registry) {
	for kind := range listKinds {
		c.told[kind] = r.lists[kind].Load()
	}
}

// Next appends the next message that a legacy conversation on a connection of its own is owed; nothing when none is.
// The transport calls it while the client reads, on the connection's loop.
func (c *Conversation) Next(r *Registry, dst []byte) []byte {
	if c.negotiated() == 0 {
		return dst
	}
	for kind := range listKinds {
		if now := r.lists[kind].Load(); c.told[kind] != now {
			c.mu.Lock() // a worker may be making the feed
			c.told[kind] = now
			c.mu.Unlock()
			return append(dst, listChanged[kind]...)
		}
	}
	if f := c.feed.Load(); f != nil {
		if s := f.current(); s != nil {
			dst, _ = s.Next(dst)
		}
	}
	return dst
}

// current is the stream that the feed goes out on; nil when there is none.
func (f *Feed) current() *Stream {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stream
}

// endedFeed is the feed of conversations that ended without one.
var endedFeed = &Feed{end: streamEnded}

// Close ends what the conversation is subscribed to, and keeps it from beginning again: the peer is gone. In a session a
// message may have found the conversation before, and be served after.
func (c *Conversation) Close() {
	c.mu.Lock()
	f := c.feed.Load()
	if f == nil {
		c.feed.Store(endedFeed)
	}
	c.mu.Unlock()
	if f != nil {
		f.finish()
	}
}

// feedOf is the feed of a legacy conversation, made at its first need.
func (r *Registry) feedOf(c *Conversation) *Feed {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.feed.Load()
	if f == nil {
		f = &Feed{r: r, told: c.told}
		c.feed.Store(f)
	}
	return f
}

// feedTo is feedOf x's conversation; on a connection of its own its client hears of what it is owed from now on.
func (r *Registry) feedTo(x *Exchange) *Feed {
	f := r.feedOf(x.Conv)
	if x.Transport != HTTP {
		f.mu.Lock()
		if f.stream == nil && f.end == streamOpen && x.Back != nil {
			f.stream = &Stream{feed: f, peer: x.Back.Peer()}
		}
		f.mu.Unlock()
	}
	return f
}

// serveSubscribe is resources/subscribe. Subscribing twice is subscribing once.
func serveSubscribe(r *Registry, x *Exchange, dst []byte) []byte {
	uri, e := x.watchedURI()
	if e != nil {
		return codec.AppendError(dst, x.id(), e)
	}
	f := r.feedTo(x)
	if e := f.watch(uri); e != nil {
		x.Outcome = LimitReached
		return codec.AppendError(dst, x.id(), e)
	}
	return codec.AppendResult(dst, x.id(), []byte(emptyResultJSON))
}

// serveUnsubscribe is resources/unsubscribe; what was not subscribed to is not an error, the client has what it wants.
func serveUnsubscribe(r *Registry, x *Exchange, dst []byte) []byte {
	uri, e := x.watchedURI()
	if e != nil {
		return codec.AppendError(dst, x.id(), e)
	}
	if f := x.Conv.feed.Load(); f != nil {
		f.unwatch(uri)
	}
	return codec.AppendResult(dst, x.id(), []byte(emptyResultJSON))
}

func (x *Exchange) watchedURI() (string, *codec.Error) { return watchedURI(x.Env.URI.Of(x.Raw)) }

func watchedURI(token []byte) (string, *codec.Error) {
	uri, ok := codec.StringOf(token)
	if !ok || len(uri) == 0 || len(uri) > maxURIBytes {
		return "", errWatchedURI
	}
	return string(uri), nil
}

var errWatchedURI = &codec.Error{Code: codec.CodeInvalidParams,
	Message: "a resource to subscribe to must be a URI of 1 to " + strconv.Itoa(maxURIBytes) + " bytes"}

// watch subscribes to uri, within the limits.
func (f *Feed) watch(uri string) *codec.Error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.watched[uri] != nil || f.end != streamOpen {
		return nil
	}
	if e := f.r.takeSubscription(len(f.watched) + len(f.tasks)*f.itself()); e != nil {
		return e
	}
	if f.watched == nil {
		f.watched = make(map[string]*watch, 1)
	}
	w := &watch{feed: f, uri: codec.AppendQuoted(nil, uri)}
	f.watched[uri] = w
	f.r.topics.add(uri, w)
	return nil
}

func (f *Feed) unwatch(uri string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := f.watched[uri]
	if w == nil {
		return
	}
	w.gone = true
	delete(f.watched, uri)
	f.r.topics.drop(uri, w)
	f.r.giveSubscriptions(1)
}

// itself is what the feed counts as besides the resources it watches: a listen is a subscription of its own.
func (f *Feed) itself() int {
	if f.id != nil {
		return 1
	}
	return 0
}

// takeSubscription counts one more subscription, for a client that has some, or says which limit is reached.
func (r *Registry) takeSubscription(has int) *codec.Error {
	if has >= r.opt.MaxSubscriptionsPerClient {
		r.m.subscriptionsRefused[refusedClient].Inc()
		return errClientSubscriptions
	}
	if r.subscriptions.Add(1) > int64(r.opt.MaxSubscriptions) {
		r.subscriptions.Add(-1)
		r.m.subscriptionsRefused[refusedTotal].Inc()
		return errTotalSubscriptions
	}
	return nil
}

func (r *Registry) giveSubscriptions(n int) { r.subscriptions.Add(-int64(n)) }
