package mount

import (
	"context"

	"weir/codec"
	"weir/reactor/mount/calls"
	"weir/reactor/mount/hop"
	"weir/reactor/mount/reason"
	"weir/registry/protocol"
)

// Resources that clients subscribe to are subscribed to at the mount that has them: once, however many clients there
// are. What clients want is noted where they say it (Mounts.note), given to its mount on a goroutine that may try
// templates, and brought about on the mount's. Each looks at how it is by then, so order does not matter.

// maxFollowed is how many resources are subscribed to at one mount. Who subscribes to one beyond hears nothing of it.
const maxFollowed = 10_000

// note has somebody look whether a resource is still subscribed to. It is called with a subscriber locked.
func (s *Mounts) note(uris ...string) {
	s.noted.Lock()
	if s.noted.uris == nil {
		s.noted.uris = make(map[string]struct{}, len(uris))
	}
	for _, uri := range uris {
		s.noted.uris[uri] = struct{}{}
	}
	s.noted.Unlock()
	poke(s.noted.some)
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it is known already
	}
}

// assign gives what was noted to the mounts that have it, until ctx is over.
func (s *Mounts) assign(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.noted.some:
		}
		s.noted.Lock()
		uris := s.noted.uris
		s.noted.uris = nil
		s.noted.Unlock()
		for uri := range uris {
			for _, m := range s.list() {
				m.noteOwn(uri, false)
			}
			source := s.engine.Offer().Main().Source([]byte(uri))
			if source == nil {
				continue
			}
			if e, ours := source.Forward.(*entry); ours {
				e.mount.noteOwn(uri, true)
			}
		}
	}
}

// noteOwn has the mount look at a resource that it has, or at one that it follows and may have no more.
func (m *Mount) noteOwn(uri string, has bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u := m.talking
	if u == nil || !has && !u.following[uri] {
		return
	}
	if _, known := u.noted[uri]; !known && !u.following[uri] && len(u.noted) >= maxFollowed {
		return // the upstream is slow to answer, and so many are more than it is asked for anyway
	}
	if u.noted == nil {
		u.noted = map[string]bool{}
	}
	u.noted[uri] = has
	poke(u.follows)
}

// follow brings about what was noted.
func (m *Mount) follow(ctx context.Context, u *upstream) {
	ctx, cancel := context.WithTimeout(ctx, m.opt.CallTimeout)
	defer cancel()
	m.mu.Lock()
	noted := u.noted
	u.noted = nil
	m.mu.Unlock()
	changed := false
	for uri, has := range noted {
		want := has && m.of.engine.Topics().Wanted(uri)
		if !u.subscribes || !u.mark(uri, want) {
			continue
		}
		changed = true
		if u.isModern() {
			continue
		}
		method := "resources/unsubscribe"
		if want {
			method = "resources/subscribe"
		}
		_, e := u.ask(ctx, method, string(codec.AppendQuoted([]byte(`"uri":`), uri)))
		if e != nil && e.Why != reason.EndRefused {
			return // it has ended, or does not answer: what it follows is begun anew with it
		}
		if e != nil {
			m.log.Warn().Err(e).Str("uri", uri).Msgf("a mount does not take %s: its clients do not hear of that resource",
				method)
		}
	}
	if changed && u.isModern() {
		u.listen()
	}
}

// mark notes whether a resource is followed; false: it is as it was, or cannot be.
func (u *upstream) mark(uri string, want bool) bool {
	m := u.mount
	m.mu.Lock()
	defer m.mu.Unlock()
	if u.following[uri] == want || want && len(u.following) >= maxFollowed {
		return false
	}
	if want {
		u.following[uri] = true
	} else {
		delete(u.following, uri)
	}
	return true
}

// updated hears that a resource has changed. An upstream only speaks of what it was asked about.
func (u *upstream) updated(params []byte) {
	uri, _ := codec.StringOf(codec.Member(params, "uri"))
	u.mount.mu.Lock()
	follows := u.following[string(uri)]
	u.mount.mu.Unlock()
	if !follows {
		u.drop(reason.DropUnsaid)
		return
	}
	u.mount.of.engine.ResourceUpdated(string(uri))
}

// listen has an upstream of the modern era say what changes (MCP 2026-07-28, subscriptions/listen), in place of what it
// was asked for before. Mount's goroutine only.
func (u *upstream) listen() {
	b := append([]byte(`"_meta":{`), u.mount.of.modernMeta...)
	b = append(b, `},"notifications":{`...)
	first, some := len(b), false
	for list := range protocol.ListCount {
		if u.changes[list] {
			b = append(append(append(hop.Comma(b, first), '"'), list.String()...), `ListChanged":true`...)
			some = true
		}
	}
	m := u.mount
	m.mu.Lock()
	if len(u.following) > 0 {
		some = true
		b = append(hop.Comma(b, first), `"resourceSubscriptions":[`...)
		first = len(b)
		for uri := range u.following {
			b = codec.AppendQuoted(hop.Comma(b, first), uri)
		}
		b = append(b, ']')
	}
	before, id := u.listening, uint64(0)
	if m.talking != u || !some && before == 0 {
		m.mu.Unlock()
		return
	}
	if some {
		id = u.openLocked(make(chan calls.Answer, 1)) // its answer is its end, for which nobody waits
	}
	if at, ok := m.table.Find(before); ok && before != 0 {
		m.table.Take(at)
	}
	u.listening = id
	m.mu.Unlock()
	if some {
		u.Send(append(append(hop.AppendHead(nil, id, "subscriptions/listen"), b...), "}}}\n"...))
	}
	if before != 0 {
		u.sendCancelled(before)
	}
}
