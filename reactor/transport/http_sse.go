package transport

import (
	"bytes"
	"crypto/rand"
	"sync"

	"weir/backpressure"
	"weir/codec"
	"weir/codec/http1"
	"weir/reactor/loop"
	"weir/reactor/pipeline"
	"weir/registry/engine"
	"weir/registry/offer"
)

// HTTP+SSE, the transport of MCP 2024-11-05 with two endpoints, for clients that have no other; off unless
// http_sse_path is set. A GET opens an event stream, whose first event says where to POST; what the server says goes
// out on the stream, and a POST is answered 202. So the stream is the conversation, as on a line, and its end is the
// conversation's. Both are at one path: the POSTs name their session in the query.

// sseTransport is the stream. Nothing more is read from its connection.
type sseTransport[F sseFramer] struct {
	id     string
	signAt int64 // when a sign of life is due
	at     *offer.View
	duplex[F]
}

// sseFramer frames messages as events, and says how the body of the stream is delimited.
type sseFramer interface {
	framer
	delimiter() delimiter
}

type (
	eventFramer    struct{} // in chunks
	oldEventFramer struct{} // until the end of the connection
)

func (eventFramer) transport() engine.Transport    { return engine.Line }
func (oldEventFramer) transport() engine.Transport { return engine.Line }
func (eventFramer) delimiter() delimiter           { return inChunks }
func (oldEventFramer) delimiter() delimiter        { return untilClose }

func (eventFramer) frame(dst, message []byte) []byte { return inChunks.message(dst, message) }

func (oldEventFramer) frame(dst, message []byte) []byte { return untilClose.message(dst, message) }

func (t *sseTransport[F]) Address(k *pipeline.Call) {
	t.duplex.Address(k)
	k.View = t.at
}

func (t *sseTransport[F]) Feed(in *pipeline.Intake, c *pipeline.Conn) { t.feedAt(in, c, t.at) }

func (t *sseTransport[F]) delimiter() delimiter {
	var framer F
	return framer.delimiter()
}

// sseSessions finds the stream of a POST, which may be another loop's. A session is a connection, so max_connections
// bounds them.
type sseSessions struct {
	sync.RWMutex
	conns map[string]*pipeline.Conn
}

func (s *sseSessions) add(id string, c *pipeline.Conn) {
	s.Lock()
	defer s.Unlock()
	if s.conns == nil {
		s.conns = make(map[string]*pipeline.Conn)
	}
	s.conns[id] = c
}

func (s *sseSessions) remove(id string) {
	s.Lock()
	defer s.Unlock()
	delete(s.conns, id)
}

func (s *sseSessions) find(id []byte) *pipeline.Conn {
	s.RLock()
	defer s.RUnlock()
	return s.conns[string(id)]
}

func (s *sseSessions) len() int64 {
	s.RLock()
	defer s.RUnlock()
	return int64(len(s.conns))
}

// letter is a message that was POSTed, on its way to the loop of its stream. It counts as unfinished input until it is
// there. letters are those that are done with.
type letter struct {
	to  *pipeline.Conn
	raw []byte
}

var letters = sync.Pool{New: func() any { return new(letter) }}

const sessionParam = "sessionId="

// serveSSE serves a request to http_sse_path; it takes k over.
func (t *httpTransport) serveSSE(in *pipeline.Intake, c *pipeline.Conn, r *http1.Request, k *pipeline.Call) {
	switch {
	case r.Method == http1.MethodOptions:
		t.options(in, r, k)
	case r.Method == http1.MethodPost:
		t.post(in, c, r, k)
	case in.Pipeline().Draining():
		in.Refuse(k, pipeline.NullID, backpressure.Draining)
	case !t.answers.idle(c):
		k.Outcome = engine.Invalid
		in.Fail(k, errSSEEarly)
	default:
		openSSE(in, c, k)
		k.Release()
	}
}

// openSSE makes c the stream of a new session. Whoever knows its id speaks for it: 26 characters of base32 from the
// system's random source are at least 128 bits.
func openSSE(in *pipeline.Intake, c *pipeline.Conn, k *pipeline.Call) {
	id := rand.Text()
	if k.HTTP10 {
		c.SetTransport(&sseTransport[oldEventFramer]{id: id, at: k.View}, pipeline.KindHTTPSSE)
	} else {
		c.SetTransport(&sseTransport[eventFramer]{id: id, at: k.View}, pipeline.KindHTTPSSE)
	}
	c.AddPending(1) // for as long as the stream is open, which the peer's silence does not end
	deskOf(in).sessions.add(id, c)
	deskOf(in).metrics.streamsOpened.Inc()
	in.Out = appendStreamHead(in.Out, c, k)
	endpoint := deskOf(in).Options.HTTPSSEPath + k.View.Path() + "?" + sessionParam + id
	in.Out = delimiterOf(k).append(in.Out, &codec.SSEEvent{Name: "endpoint", Data: []byte(endpoint)})
}

// post hands a message to the loop of its stream.
func (t *httpTransport) post(in *pipeline.Intake, c *pipeline.Conn, r *http1.Request, k *pipeline.Call) {
	id, _ := bytes.CutPrefix(r.Query, []byte(sessionParam))
	to := deskOf(in).sessions.find(id)
	if to == nil || to.Principal() != c.Principal() { // another principal's is as unknown as one that never was
		k.Outcome = engine.UnknownSession
		in.Fail(k, errSSESession)
		return
	}
	if to.Paused(loop.PauseOutbox | loop.PauseHandler) { // a line would not be read
		in.Refuse(k, pipeline.NullID, backpressure.ConnectionQueueFull)
		return
	}
	raw := append(loop.GetBuffer(len(r.Body)), r.Body...)
	if !to.Loop().TakeInput(cap(raw)) {
		loop.PutBuffer(raw)
		in.Refuse(k, pipeline.NullID, backpressure.QueueBytes)
		return
	}
	k.Outcome = engine.Accepted
	in.Answer(k, nil)
	m := letters.Get().(*letter)
	m.to, m.raw = to, raw
	to.Intake().Do(m)
}

// OnLoop implements loop.Job: it serves the message on the loop of its stream.
func (m *letter) OnLoop(*loop.Loop) {
	c, raw := m.to, m.raw
	m.to, m.raw = nil, nil
	letters.Put(m)
	in := c.Intake()
	if !c.Finished() {
		k := in.NewCall(c)
		c.Touch()
		switch batch := codec.IsBatch(raw); {
		case c.Paused(loop.PauseOutbox) && unheard(in, k, raw, batch):
		case batch:
			in.Batch(c, k, raw)
		default:
			in.Message(c, k, raw)
		}
		c.Handled()
		c.Settle()
	}
	in.GiveInput(cap(raw))
	loop.PutBuffer(raw)
}

// unheard refuses a message that was taken before the answers to others filled the outbox, as one read of POSTs may
// bring hundreds. It takes k over, unless the message asks for no answer.
func unheard(in *pipeline.Intake, k *pipeline.Call, raw []byte, batch bool) bool {
	id := pipeline.NullID
	if !batch {
		if err := codec.Scan(raw, &k.Env, &deskOf(in).Options.JSON); err != nil || k.Env.Kind != codec.KindRequest {
			return false
		}
		id = k.Env.ID.Of(raw)
	}
	in.Refuse(k, id, backpressure.ConnectionQueueFull)
	return true
}

// decode drops what comes behind the GET: its response does not end, so there is no answer to anything.
func (t *sseTransport[F]) Decode(_ *pipeline.Intake, _ *pipeline.Conn, b []byte) int { return len(b) }

// eof: the peer may have closed only its sending side. A comment finds out: one that is gone resets the connection.
func (t *sseTransport[F]) EOF(in *pipeline.Intake, _ *pipeline.Conn, _ []byte) {
	in.Out = t.delimiter().sign(in.Out)
}

// message appends a message as an event of that name, which these clients listen for, and nothing for no message.
func (d delimiter) message(dst, message []byte) []byte {
	if len(message) == 0 {
		return dst
	}
	return d.append(dst, &codec.SSEEvent{Name: "message", Data: message})
}

// tick sends a comment every sse_keep_alive.
func (t *sseTransport[F]) Tick(c *pipeline.Conn, _ loop.Waiting, _ int64) loop.Reason {
	every := int64(deskOf(c.Intake()).Options.SSEKeepAlive)
	if every == 0 || c.Loop().Now() < t.signAt || !c.CaughtUp() {
		return loop.StillOpen
	}
	if t.signAt != 0 {
		c.Send(t.delimiter().sign(nil))
	}
	t.signAt = c.Loop().Now() + every
	return loop.StillOpen
}

func (t *sseTransport[F]) GoAway(c *pipeline.Conn, _ loop.Reason) bool {
	c.Send(t.delimiter().end(nil))
	return true
}

// closed ends the session: what it asked is cancelled, since nobody can hear the answer.
func (t *sseTransport[F]) Closed(c *pipeline.Conn) (cancelled int) {
	deskOf(c.Intake()).sessions.remove(t.id)
	return t.duplex.Closed(c)
}
