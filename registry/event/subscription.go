package event

import "weir/codec"

// Source is what a subscriber may want to hear of. Two sources that are equal are one.
type Source interface {
	// Attach has the source tell sub of its changes from now on (Subscription.Owe); false: there will be none. It is
	// called under the subscriber's lock and must neither block nor call the subscriber.
	Attach(sub *Subscription) bool
	// Append appends the notification of how the source is now. Called as Attach is.
	Append(dst []byte, to *Subscriber) []byte
	// Bytes is what the source keeps for one subscription: mostly its name.
	Bytes() int
	// Detach ends what Attach began: the subscriber has ended, or hears of the source no more. Called under no lock.
	Detach(sub *Subscription)
}

// Subscription is one source that one subscriber hears of. Safe for concurrent use.
type Subscription struct {
	subscriber *Subscriber
	source     Source

	// Guarded by the subscriber's lock.
	next    *Subscription // in the list of what is owed
	ahead   []byte        // a message that goes ahead of the source's own; the latest that was not told
	changed bool          // the source's own is owed
	counted bool
	owed    bool // in the list
	gone    bool // unsubscribed while it was owed
}

// Owe has the subscriber told how the source is, once until it was told. Any goroutine.
func (sub *Subscription) Owe() {
	sub.subscriber.change(func() Peer {
		sub.changed = true
		return sub.markLocked()
	})
}

// OweAhead has the subscriber told message, in the place of one that it was not told yet. The message is the
// subscription's from then on. Any goroutine.
func (sub *Subscription) OweAhead(message []byte) {
	sub.subscriber.change(func() Peer {
		sub.ahead = message
		return sub.markLocked()
	})
}

// Drop takes the subscription off its subscriber: the source is no more. Any goroutine.
func (sub *Subscription) Drop() {
	s := sub.subscriber
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.subscriptions[sub.source] == sub {
		s.removeLocked(sub)
	}
	sub.gone = true
}

// markLocked puts sub on the list of what is owed and returns whom to wake, if anybody.
func (sub *Subscription) markLocked() (wake Peer) {
	s := sub.subscriber
	if sub.owed || sub.gone || s.end != open {
		return nil
	}
	sub.owed = true
	if s.last == nil {
		s.first = sub
		if s.stream != nil {
			wake = s.stream.peer
		}
	} else {
		s.last.next = sub
	}
	s.last = sub
	return wake
}

// Subscribe has s hear of a source, within the limits. It returns nil without an error when s does already, when s has
// ended, and when there is nothing to hear of any more.
func (s *Subscriber) Subscribe(source Source) (*Subscription, *codec.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.subscriptions[source] != nil || s.end != open {
		return nil, nil
	}
	bytes := subscriptionBytes + source.Bytes()
	if e := s.hub.take(s.counted, bytes); e != nil {
		return nil, e
	}
	sub := s.attachLocked(source)
	if sub == nil {
		s.hub.give(1, bytes)
		return nil, nil
	}
	sub.counted = true
	s.counted++
	s.bytes += bytes
	return sub, nil
}

// Follow has s hear of a source that it has not asked to hear of, and which no limit counts. nil: as for Subscribe.
func (s *Subscriber) Follow(source Source) *Subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.subscriptions[source] != nil || s.end != open {
		return nil
	}
	return s.attachLocked(source)
}

func (s *Subscriber) attachLocked(source Source) *Subscription {
	sub := &Subscription{subscriber: s, source: source}
	if !source.Attach(sub) {
		return nil
	}
	if s.subscriptions == nil {
		s.subscriptions = make(map[Source]*Subscription, 1)
	}
	s.subscriptions[source] = sub
	return sub
}

// Unsubscribe has s hear of a source no more; nothing, when it did not.
func (s *Subscriber) Unsubscribe(source Source) {
	if sub := s.drop(source); sub != nil {
		sub.source.Detach(sub)
	}
}

func (s *Subscriber) drop(source Source) *Subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := s.subscriptions[source]
	if sub != nil {
		s.removeLocked(sub)
	}
	return sub
}

func (s *Subscriber) removeLocked(sub *Subscription) {
	sub.gone = true
	delete(s.subscriptions, sub.source)
	if sub.counted {
		bytes := subscriptionBytes + sub.source.Bytes()
		s.counted--
		s.bytes -= bytes
		s.hub.give(1, bytes)
	}
}

// Remind has s told how those of its sources are for which is says so, though they have not changed. is may take locks
// of its own.
func (s *Subscriber) Remind(is func(Source) bool) {
	s.mu.Lock()
	all := make([]*Subscription, 0, len(s.subscriptions))
	for _, sub := range s.subscriptions {
		all = append(all, sub)
	}
	s.mu.Unlock()
	for _, sub := range all {
		if is(sub.source) {
			sub.Owe()
		}
	}
}
