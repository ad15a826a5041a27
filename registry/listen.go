package registry

import (
	"encoding/json"

	"weir/codec"
	"weir/registry/protocol"
)

// OpenStream opens the stream of a session, which a client asks for with GET (MCP 2025-03-26 to 2025-11-25,
// basic/transports). A session has one; while it is open only a client that knows the id of one of its events
// (Last-Event-ID) may take it over, because it lost its connection before we noticed. The peer is woken when something is
// owed. Only the principal whose session it is gets it. On refusal its outcome is returned with the error.
func (r *Registry) OpenStream(h *Header, principal string, lastEventID []byte, peer Peer) (*Stream, Outcome, *codec.Error) {
	if h.ProtocolVersion != nil {
		i := protocol.FindRevision(h.ProtocolVersion)
		if i < 0 {
			return nil, Invalid, errUnsupportedVersion(h.ProtocolVersion)
		}
		if !protocol.RevisionAt(i).Streams {
			return nil, NoStream, errNoStream
		}
	}
	if len(h.SessionID) == 0 {
		return nil, NoStream, errNoStream
	}
	s, ok := r.session(h.SessionID, principal)
	if !ok {
		return nil, UnknownSession, errSessionUnknown
	}
	rev := protocol.RevisionAt(s.conv.negotiated() - 1)
	if !rev.Streams {
		return nil, NoStream, errNoStream
	}
	s.touch(r)
	f := r.feedOf(&s.conv)
	if stream, number, ok := parseEventID(lastEventID); ok && stream != 0 {
		return f.carryOn(stream, number, peer)
	}
	return f.open(rev.Primes, lastEventID, peer)
}

// carryOn opens a stream that resumes the response to a POST.
func (f *Feed) carryOn(stream, number uint32, peer Peer) (*Stream, Outcome, *codec.Error) {
	f.mu.Lock()
	if f.end != streamOpen {
		f.mu.Unlock()
		return nil, UnknownSession, errSessionUnknown
	}
	s, replaced, e := f.resume(stream, number, peer)
	f.mu.Unlock()
	if e != nil {
		f.r.m.resumes[resumeOutcome(e)].Inc()
		return nil, Invalid, e
	}
	f.r.m.resumes[resumeTaken].Inc()
	if replaced != nil {
		replaced.Wake() // it finds itself replaced
	}
	return s, Answered, nil
}

// open makes a session's feed go out on a new stream.
func (f *Feed) open(primes bool, lastEventID []byte, peer Peer) (*Stream, Outcome, *codec.Error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.end != streamOpen:
		return nil, UnknownSession, errSessionUnknown
	case f.stream != nil && lastEventID == nil:
		return nil, StreamOpen, errStreamOpen
	}
	if lastEventID != nil {
		_, number, ok := parseEventID(lastEventID)
		if !ok || f.events == nil || number > f.events.own.latest {
			f.r.m.resumes[resumeUnknown].Inc()
			return nil, Invalid, errEventID
		}
		f.events.own.sent = number
		f.r.m.resumes[resumeTaken].Inc()
	}
	f.recording().own.primes = primes
	f.lists = [listKinds]bool{true, true, true}
	if f.stream != nil {
		f.stream.peer.Wake() // it finds itself replaced
	} else {
		f.r.sessionStreams.Add(1)
	}
	f.stream = &Stream{feed: f, peer: peer, trail: &f.events.own}
	return f.stream, Answered, nil
}

// listening says whether the conversation's stream is open.
func (c *Conversation) listening() bool {
	f := c.feed.Load()
	if f == nil {
		return false
	}
	return f.current() != nil
}

// Primed says whether the stream begins with an event without data, and that event's id: of what came last.
func (s *Stream) Primed() (id EventID, primed bool) {
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	if s.trail == nil || !s.trail.primes {
		return 0, false
	}
	return eventID(s.trail.number, s.trail.sent), true
}

// Close ends the stream from the transport's side: its connection is gone, or it was told Over. A listen ends with its
// stream; a session's feed goes on collecting what it owes, a trail what its call says. Idempotent.
func (s *Stream) Close() {
	f := s.feed
	if f.id != nil {
		f.finish()
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.stream == s:
		f.stream = nil
		f.r.sessionStreams.Add(-1)
	case s.trail != nil && s.trail.resumed == s:
		s.trail.resumed = nil
		f.events.prune(s.trail)
	}
}

// filter is what a subscriptions/listen asks for (MCP 2026-07-28, basic/patterns/subscriptions).
type filter struct {
	Tools     bool     `json:"toolsListChanged,omitempty"`
	Prompts   bool     `json:"promptsListChanged,omitempty"`
	Resources bool     `json:"resourcesListChanged,omitempty"`
	URIs      []string `json:"resourceSubscriptions,omitempty"`
	TaskIDs   []string `json:"taskIds,omitempty"` // SEP-2663
}

// serveListen is subscriptions/listen. What it appends is its acknowledgement, the first message of the stream, or the
// error for which there is none.
func serveListen(r *Registry, x *Exchange, dst []byte) []byte {
	f, wanted, e := r.listen(x)
	if e != nil {
		x.Outcome = LimitReached
		switch e.Code {
		case codec.CodeInvalidParams:
			x.Outcome = Answered
		case codec.CodeMissingCapability:
			x.Outcome = Invalid
		}
		return codec.AppendError(dst, x.id(), e)
	}
	x.stream = f.stream
	return f.appendAcknowledged(dst, wanted)
}

func (r *Registry) listen(x *Exchange) (*Feed, *filter, *codec.Error) {
	raw := x.Env.Notifications.Of(x.Raw)
	wanted := new(filter)
	if raw == nil || raw[0] != '{' || json.Unmarshal(raw, wanted) != nil {
		return nil, nil, errFilter
	}
	for _, uri := range wanted.URIs {
		if len(uri) == 0 || len(uri) > maxURIBytes {
			return nil, nil, errWatchedURI
		}
	}
	if len(wanted.TaskIDs) > 0 && !x.declaresTasks() {
		return nil, nil, errNeedsTasks
	}
	open := 0
	if x.Conv != nil {
		open = int(x.Conv.listens.Load())
	}
	if e := r.takeSubscription(open); e != nil {
		return nil, nil, e
	}
	f := &Feed{r: r, id: append([]byte(nil), x.id()...), lists: [listKinds]bool{wanted.Tools, wanted.Prompts, wanted.Resources}}
	if x.Conv != nil {
		f.listens = &x.Conv.listens
		f.listens.Add(1)
	}
	for kind := range listKinds {
		f.told[kind] = r.lists[kind].Load()
	}
	var peer Peer
	if x.Back != nil {
		peer = x.Back.Peer()
	}
	f.stream = &Stream{feed: f, peer: peer}
	for _, uri := range wanted.URIs {
		if e := f.watch(uri); e != nil {
			f.finish()
			return nil, nil, e
		}
	}
	if e := f.watchTasks(x, wanted); e != nil {
		f.finish()
		return nil, nil, e
	}
	return f, wanted, nil
}

func (f *Feed) appendAcknowledged(dst []byte, honoured *filter) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{`...)
	dst = append(f.appendMeta(dst), `,"notifications":`...)
	encoded, err := json.Marshal(honoured)
	if err != nil {
		panic(err) // booleans and strings
	}
	return append(append(dst, encoded...), "}}"...)
}

// AppendCancelled and AppendResult append the last two messages of a listen that the server ends. One page of MCP 2026-07-28
// (basic/patterns/cancellation) demands the first, another (basic/patterns/subscriptions) the second.
func (s *Stream) AppendCancelled(dst []byte) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{`...)
	dst = append(s.feed.appendMeta(dst), `,"requestId":`...)
	dst = append(dst, s.feed.id...)
	return append(dst, `,"reason":"the server ends this subscription"}}`...)
}

// AppendResult: see AppendCancelled.
func (s *Stream) AppendResult(dst []byte) []byte {
	dst = append(appendHead(dst, s.feed.id), `{`...)
	dst = append(dst, memberResult...)
	dst = append(dst, `,"_meta":{"`+keyServerInfo+`":`...)
	dst = append(dst, s.feed.r.prepared.identity...)
	dst = append(dst, `,"`+keySubscription+`":`...)
	dst = append(dst, s.feed.id...)
	return append(dst, "}}}"...)
}

// Listen says whether the stream is a subscriptions/listen's; else it is a session's.
func (s *Stream) Listen() bool { return s.feed.id != nil }
