package transport

import (
	"bytes"

	"weir/backpressure"
	"weir/codec"
	"weir/codec/http1"
	"weir/reactor/auth"
	"weir/reactor/cluster/forward"
	"weir/reactor/loop"
	"weir/reactor/loop/buffer"
	"weir/reactor/pipeline"
	"weir/registry/engine"
)

// served is the conduct of a connection without a socket, on which one request of another node's client is served. The
// entry has judged its head: its host, its origin, whom its token is of.
type served struct {
	httpTransport
	flags     forward.Flags
	principal string
}

// Serve implements forward.Host.
func (s *Site) Serve(w *forward.Served, r *forward.Request) {
	home := s.loops.LeastLoaded()
	refusal := s.Pipeline.Limits.OpenForwarded(r.Addr)
	raw := append(buffer.Get(len(r.HTTP)), r.HTTP...)
	if refusal == backpressure.Accepted && !home.TakeInput(cap(raw)) {
		s.Pipeline.Limits.Close(r.Addr)
		refusal = backpressure.QueueBytes
	}
	if refusal != backpressure.Accepted {
		s.CountRefusal(refusal)
		buffer.Put(raw)
		w.Refuse(s.appendServedRefusal(nil, r, refusal))
		return
	}
	ln := &loop.Listener{Name: HTTPListener, Loopback: r.Flags&forward.Loopback != 0}
	w.Listen(ln)
	var t pipeline.Transport = &served{flags: r.Flags, principal: r.Principal}
	if r.Flags&forward.Message != 0 {
		t = &servedMessage{principal: r.Principal, revision: r.Revision}
	}
	c := pipeline.NewConn(s.Pipeline.Intake(home), t)
	c.Init(home, ln, -1, r.Addr, c)
	w.Attach(&c.Conn)
	s.loops.AdoptRead(c.Counted(), raw, func() {
		home.GiveInput(cap(raw))
		buffer.Put(raw)
	})
}

// TakeInput implements forward.Host.
func (s *Site) TakeInput(n int) bool { return s.loops.Loop(0).TakeInput(n) }

// GiveInput implements forward.Host.
func (s *Site) GiveInput(n int) { s.loops.Loop(0).GiveInput(n) }

// appendServedRefusal appends the response to a request for which there is no room, under its id.
func (s *Site) appendServedRefusal(dst []byte, r *forward.Request, refusal backpressure.Refusal) []byte {
	_, body, _ := bytes.Cut(r.HTTP, []byte("\r\n\r\n"))
	if r.Flags&forward.Message != 0 {
		body = r.HTTP
	}
	var e codec.Envelope
	codec.Peek(body, &e)
	id := e.ID.Of(body)
	if id == nil {
		id = pipeline.NullID
	}
	after := s.Pipeline.Queue.RetryAfter(refusal)
	if r.Flags&forward.Message != 0 {
		return append(pipeline.AppendOverloaded(dst, id, refusal, after), '\n')
	}
	return http1.AppendResponse(dst, &http1.Response{
		Status: int(httpStatuses[engine.Overloaded]), ContentType: http1.JSONType, Date: s.date(),
		RetryAfter: pipeline.Seconds(after), Close: r.Flags&forward.Closes != 0,
	}, pipeline.AppendOverloaded(nil, id, refusal, after))
}

// Decode implements pipeline.Conduct: all that there is to read is the request.
func (t *served) Decode(in *pipeline.Intake, c *pipeline.Conn, b []byte) int {
	d := deskOf(in)
	r := &d.request
	step, _, err := t.decoder.Next(b, r, &d.Options.HTTP)
	switch {
	case err != nil:
		t.malformed(in, c, r, err.(*http1.Error))
		return len(b)
	case step != http1.Ready: // the entry sends whole ones
		c.Close(loop.CloseBadRequest)
		return len(b)
	}
	d.accept, d.at = http1.ReadAccept(r.Accept), nil
	if _, name := d.paths.Of(r.Path); len(name) > 0 {
		e := d.Endpoints.Find(name)
		if e == nil {
			t.reject(in, c, r, 404, errEndpoint) // this node does not have it yet, or any more
			c.EndAfterAnswersOrPeer(loop.CloseRequested)
			return len(b)
		}
		d.at = e.View
	}
	r.KeepAlive = t.flags&forward.Closes == 0
	k := t.begin(in, c, r)
	refusal := backpressure.Accepted
	if t.principal != "" {
		refusal = c.ActFor(auth.Vouched(t.principal))
	}
	if refusal != backpressure.Accepted {
		in.Refuse(k, pipeline.NullID, refusal)
	} else {
		t.serveHere(in, c, r, k)
	}
	c.EndAfterAnswersOrPeer(loop.CloseRequested)
	return len(b)
}

// servedMessage is served for a message alone: what answers it are lines.
type servedMessage struct {
	principal string
	revision  uint8
	duplex[lineFramer]
}

// Decode implements pipeline.Conduct.
func (t *servedMessage) Decode(in *pipeline.Intake, c *pipeline.Conn, b []byte) int {
	in.Pipeline().Engine.Resumes(&t.conv, t.revision)
	refusal := backpressure.Accepted
	if t.principal != "" {
		refusal = c.ActFor(auth.Vouched(t.principal))
	}
	if k := in.NewCall(c); refusal != backpressure.Accepted {
		in.Refuse(k, pipeline.NullID, refusal)
	} else {
		in.Message(c, k, b)
	}
	c.EndAfterAnswersOrPeer(loop.CloseRequested)
	return len(b)
}

// EOF implements pipeline.Conduct.
func (t *servedMessage) EOF(*pipeline.Intake, *pipeline.Conn, []byte) {}

// Tick implements pipeline.Conduct.
func (t *servedMessage) Tick(*pipeline.Conn, loop.Waiting, int64) loop.Reason { return loop.StillOpen }
