package transport

import (
	"bytes"

	"weir/backpressure"
	"weir/codec"
	"weir/codec/http1"
	"weir/reactor/cluster/forward"
	"weir/reactor/loop"
	"weir/reactor/loop/buffer"
	"weir/reactor/pipeline"
	"weir/registry/engine"
	"weir/registry/nodeid"
)

// A request about a session, a stream or a task that another node of the cluster has is served there; the bytes of its
// response leave here, in their turn. What its client does meanwhile the owner hears: that it has gone, that it has
// closed its sending side, and how much it takes.

// relay is a request that another node serves. What is below is guarded by the connection's lock.
type relay struct {
	forward.Asked
	order *answerOrder
	conn  *pipeline.Conn

	k      *pipeline.Call // nil: its response is complete, or its client has gone
	owed   int            // bytes that the client's kernel has taken and the owner was not told of
	begun  bool           // some of the response is here
	events bool           // it is an event stream
	whole  bool           // and ends with a whole event
}

// nodeOf is the node that has what a request is about; nil: this one, or none.
func (d *desk) nodeOf(r *http1.Request) []byte {
	theirs := func(k nodeid.Kind, id []byte) []byte {
		if whose, node := d.IDs.Read(k, id); whose == nodeid.Theirs {
			return node
		}
		return nil
	}
	switch {
	case r.Method == http1.MethodOptions || r.UpgradeWebSocket || d.Resource.IsMetadata(r.Path):
		return nil
	case d.servesSSE(r):
		if id, named := bytes.CutPrefix(r.Query, []byte(sessionParam)); named && r.Method == http1.MethodPost {
			return theirs(nodeid.Stream, id)
		}
		return nil
	}
	node := theirs(nodeid.Session, r.SessionID)
	if node == nil && !bytes.HasPrefix(r.MCPMethod, []byte("tasks/")) {
		return nil
	}
	d.header = engine.Header{ProtocolVersion: r.ProtocolVersion, SessionID: r.SessionID, Method: r.MCPMethod}
	session, task := d.Pipeline.Engine.About(&d.header, r.Body)
	switch {
	case task != nil:
		return theirs(nodeid.Task, task)
	case session != nil:
		return node
	}
	return nil
}

// forward has another node serve the request if it is that one's; then it takes k over.
func (t *httpTransport) forward(in *pipeline.Intake, c *pipeline.Conn, r *http1.Request, k *pipeline.Call) bool {
	d := deskOf(in)
	node := d.nodeOf(r)
	if node == nil {
		return false
	}
	in.CountReceived()
	codec.Peek(r.Body, &k.Env)
	k.Raw = bytes.Clone(k.Env.ID.Of(r.Body)) // all that is asked of the message here
	k.Env = codec.Envelope{ID: codec.Span{Len: uint32(len(k.Raw))}}
	y := &relay{order: &t.answers, conn: c, k: k}
	k.Away, k.Started = y, true
	c.AddPending(1)
	t.answers.Queue(in, c, k)
	for i := range r.Authorization { // a token is for nobody else, and engines may not encrypt
		r.Authorization[i] = '*'
	}
	request := forward.Request{Addr: c.Addr(), Principal: c.Principal(), HTTP: r.AsSent(d.raw, len(d.raw))}
	if !k.KeepAlive {
		request.Flags |= forward.Closes
	}
	if c.Listener().Loopback {
		request.Flags |= forward.Loopback
	}
	refusal, known := backpressure.ConnectionQueueFull, true
	if c.Pending() <= d.MaxForwarded {
		refusal, known = d.Forwarder.Forward(&y.Asked, string(node), &request, y, r.Method == http1.MethodGet)
	}
	if known && refusal == backpressure.Accepted {
		return true
	}
	t.answers.Drop(c, k)
	c.AddPending(-1)
	k.Away = nil
	switch id := k.ID(); {
	case !known:
		k.Outcome = engine.UnknownSession
		in.Fail(k, forward.ErrorOf(forward.Unknown))
	case id == nil:
		in.Refuse(k, pipeline.NullID, refusal)
	default:
		in.Refuse(k, id, refusal)
	}
	return true
}

// Part implements forward.Asker.
func (y *relay) Part(p []byte, whole bool) {
	c := y.conn
	c.Lock()
	defer c.Unlock()
	k := y.k
	if k == nil {
		return
	}
	if !y.begun {
		y.begun, y.events = readBegin(p)
	}
	y.whole = whole
	y.owed += len(p)
	k.Streaming = true
	if y.order.head != k {
		y.order.holdLocked(c, k, p, 0)
		return
	}
	if c.SendLocked(p); c.UnsentLocked() == 0 {
		y.creditLocked()
	}
}

// readBegin says whether p has the head of a response that is no interim one (RFC 9110 15.2), and whether that is an
// event stream's.
func readBegin(p []byte) (begun, events bool) {
	head, rest, _ := bytes.Cut(p, []byte("\r\n\r\n"))
	for bytes.HasPrefix(head, []byte("HTTP/1.1 1")) {
		head, rest, _ = bytes.Cut(rest, []byte("\r\n\r\n"))
	}
	return len(head) > 0, bytes.Contains(head, []byte(http1.EventStreamType))
}

// creditLocked tells the owner what was taken, when that is worth a message.
func (y *relay) creditLocked() {
	if y.owed >= y.Window()/2 {
		y.Taken(y.owed)
		y.owed = 0
	}
}

// End implements forward.Asker.
func (y *relay) End(fate forward.Fate) {
	c := y.conn
	c.Lock()
	defer c.Unlock()
	k := y.k
	if k == nil {
		return
	}
	y.k, k.Away = nil, nil
	var last []byte
	if fate != forward.Answered {
		last = y.appendFateLocked(buffer.Get(2*httpHeadRoom), k, fate)
	}
	switch {
	case !c.OpenLocked() || y.order.head != k:
		y.order.deliverLocked(c, k, last)
	default:
		if len(last) > 0 {
			c.SendLocked(last)
		}
		y.order.unlinkLocked(k)
		k.Release()
		y.order.sendReadyLocked(c)
	}
	buffer.Put(last)
	c.AnsweredLocked(1)
}

// appendFateLocked appends the end of a response that its owner has not brought to one. One that has begun, and is no
// stream that an event can be appended to, can only be cut.
func (y *relay) appendFateLocked(dst []byte, k *pipeline.Call, fate forward.Fate) []byte {
	e := forward.ErrorOf(fate)
	message := codec.AppendError(nil, k.ID(), e)
	switch {
	case !y.begun:
		switch fate {
		case forward.Limit, forward.Full:
			k.Outcome, k.RetryAfter = engine.Overloaded, 1
		case forward.Unknown:
			k.Outcome = engine.UnknownSession
		default:
			if k.Outcome = engine.Answered; k.ID() == nil {
				k.Outcome = engine.UnknownSession // what it was about has ended with the node
			}
		}
		return appendResponse(dst, y.conn, k, message)
	case y.events && y.whole && k.ID() == nil:
		return delimiterOf(k).end(dst)
	case y.events && y.whole:
		return delimiterOf(k).lastEvent(dst, message)
	}
	y.conn.CloseLocked(loop.CloseNodeLost)
	return dst
}

// leaveLocked ends it with its connection, which the order has ended with.
func (y *relay) leaveLocked() {
	k := y.k
	y.k = nil
	k.Release()
	y.conn.AddPending(-1)
	y.Leave()
}

// feedRelayed tells the owner of the response at the head of the order what the client has taken, and ends a stream of
// a session when this node drains.
func (o *answerOrder) feedRelayed(in *pipeline.Intake, c *pipeline.Conn) {
	c.Lock()
	defer c.Unlock()
	k := o.head
	if k == nil || k.Away == nil || !c.OpenLocked() || c.UnsentLocked() > 0 {
		return
	}
	y := k.Away.(*relay)
	y.creditLocked()
	if k.ID() == nil && y.events && y.whole && in.Pipeline().Draining() && in.Pipeline().Parts(c) {
		y.k, k.Away = nil, nil
		y.Leave()
		c.SendLocked(delimiterOf(k).end(nil))
		o.unlinkLocked(k)
		k.Release()
		o.sendReadyLocked(c)
		c.AnsweredLocked(1)
	}
}
