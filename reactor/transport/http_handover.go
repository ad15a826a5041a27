package transport

import (
	"bytes"
	"errors"

	"weir/backpressure"
	"weir/codec"
	"weir/codec/http1"
	"weir/reactor/loop"
	"weir/reactor/pipeline"
	"weir/registry/engine"
)

// While the process that this one takes over from still drains (reactor/upgrade), a request about a session or a task
// that only that one has is given to it, connection and all: a connection is the request's own answer, stream and
// cancellation. The predecessor ends it with its answer, so what its client asks next comes here again.

// Predecessor gives a process a connection with what was read of it, without waiting. ErrPredecessorGone is that it
// takes none any more.
type Predecessor func(fd int, read []byte) error

// ErrPredecessorGone is that there is nobody to give a connection to.
var ErrPredecessorGone = errors.New("the predecessor takes no connections any more")

// largeBody is above what anything but a call's arguments takes. A request with more is given away before its body has
// come: one message between the processes would not hold it.
const largeBody = 64 << 10

// handOverHead gives a request away of which the head is here, and of a large body a part.
func (t *httpTransport) handOverHead(in *pipeline.Intake, c *pipeline.Conn, r *http1.Request, read []byte) bool {
	return deskOf(in).Predecessor.Load() != nil && t.decoder.Left() > largeBody && t.isElsewhere(in, c, r, nil) &&
		t.giveAway(in, c, r, read)
}

// handOver gives a request of n bytes away, and what came behind it. It reports whether nothing is left to do here.
func (t *httpTransport) handOver(in *pipeline.Intake, c *pipeline.Conn, r *http1.Request, read []byte, n int) bool {
	if deskOf(in).Predecessor.Load() == nil || !t.isElsewhere(in, c, r, r.Body) {
		return false
	}
	return t.giveAway(in, c, r, r.AsSent(read, n))
}

// isElsewhere says whether an acceptable request is about what only the predecessor can have.
func (t *httpTransport) isElsewhere(in *pipeline.Intake, c *pipeline.Conn, r *http1.Request, body []byte) bool {
	if _, fail := t.acceptable(in, c, r); fail != nil {
		return false
	}
	d := deskOf(in)
	switch {
	case r.Method == http1.MethodOptions || r.UpgradeWebSocket || d.Resource.IsMetadata(r.Path):
		return false
	case d.servesSSE(r):
		id, named := bytes.CutPrefix(r.Query, []byte(sessionParam))
		return named && r.Method == http1.MethodPost && d.sessions.find(id) == nil
	}
	d.header = engine.Header{ProtocolVersion: r.ProtocolVersion, SessionID: r.SessionID, Method: r.MCPMethod}
	return in.Pipeline().Engine.Unknown(&d.header, c.Principal(), body)
}

// giveAway gives the connection to the predecessor, or refuses the request. false: the predecessor is gone, and the
// request is to be judged here.
func (t *httpTransport) giveAway(in *pipeline.Intake, c *pipeline.Conn, r *http1.Request, read []byte) bool {
	in.Flush(c)
	predecessor := deskOf(in).Predecessor.Load()
	if predecessor == nil { // it has just ended
		return false
	}
	err := c.HandOver(func(fd int) error { return (*predecessor)(fd, read) })
	switch {
	case err == nil:
		return true
	case errors.Is(err, ErrPredecessorGone):
		return false
	}
	k := t.begin(in, c, r)
	k.KeepAlive = false // its body may still be on its way
	codec.Peek(r.Body, &k.Env)
	id := k.Env.ID.Of(r.Body)
	k.Env = codec.Envelope{}
	if id == nil {
		id = pipeline.NullID
	}
	in.Refuse(k, id, backpressure.HandoverLimit)
	c.EndAfterAnswers(loop.CloseRequested)
	return true
}
