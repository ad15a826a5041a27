package transport

import (
	"weir/codec/http1"
	"weir/reactor/pipeline"
	"weir/registry/engine"
)

// How answers leave an HTTP connection: each in a response of its own, in the order of the requests.

func (t *httpTransport) Address(k *pipeline.Call) { k.Transport = engine.HTTP }

func (t *httpTransport) Order() pipeline.Order { return &t.answers }

// Answer sends k's answer if it is k's turn, and the ready ones behind it; else it keeps the answer. One that the
// loop has made while nothing is before it is left in out. Those of workers never are: another worker may send the
// next one as soon as this one has left the order.
func (t *httpTransport) Answer(c *pipeline.Conn, k *pipeline.Call, message, out []byte) []byte {
	o, mark := &t.answers, len(out)
	settle(c, k)
	switch {
	case k.PostStream != nil:
		return resumable{eventStream{o, c, k}}.answer(message, out)
	case k.Streaming:
		out = delimiterOf(k).lastEvent(out, message)
	case k.TakesSSE(pipeline.SSEOnly) && len(message) > 0 && statusCode(k) == 200:
		out = delimiterOf(k).lastEvent(appendStreamHead(out, c, k), message)
	default:
		out = appendResponse(out, c, k, message)
	}
	if c.Pending() == 0 { // k never was among them
		k.Release()
		return out
	}
	c.Lock()
	defer c.Unlock()
	if c.OpenLocked() && !o.holdsLocked(k) {
		if o.head == nil {
			k.Release()
			return out
		}
		k.Raw = nil // borrowed
		o.linkLocked(k)
	}
	o.deliverLocked(c, k, out[mark:])
	return out[:mark]
}

// settle fixes whether k's response is an event stream, against a loop that is about to make it one because it has been
// silent (answerOrder.keepAlive). It costs the answers of workers a lock that is almost always free.
func settle(c *pipeline.Conn, k *pipeline.Call) {
	if k.TakesSSE(pipeline.SSEAhead) && c.Pending() > 0 {
		c.Lock()
		k.Takes &^= pipeline.SSEAhead
		c.Unlock()
	}
}

func (t *httpTransport) Notify(c *pipeline.Conn, k *pipeline.Call, message []byte) bool {
	return eventStream{&t.answers, c, k}.notify(message)
}

func (t *httpTransport) Open(in *pipeline.Intake, c *pipeline.Conn, k *pipeline.Call, first []byte) {
	openStream{eventStream{&t.answers, c, k}}.open(in, first)
}

// httpHeadRoom is what a response head takes, about.
const httpHeadRoom = 256

// Values of Call.Allow: the methods that a response lists are those that are served where its request went (RFC 9110
// 10.2.1).
const (
	allowMCP       uint8 = iota + 1
	allowMCPNotGet       // what was asked has no event stream
	allowSSE
	allowMetadata
)

var allowed = [...]string{
	allowMCP: "POST, GET, DELETE, OPTIONS", allowMCPNotGet: "POST, DELETE, OPTIONS", allowSSE: "GET, POST, OPTIONS",
	allowMetadata: "GET, HEAD, OPTIONS",
}

// allowedAt is what is allowed where r went.
func (s *Site) allowedAt(r *http1.Request) uint8 {
	switch {
	case s.servesSSE(r):
		return allowSSE
	case s.Resource.IsMetadata(r.Path):
		return allowMetadata
	}
	return allowMCP
}

// options answers OPTIONS, a browser's preflight among them.
func (t *httpTransport) options(in *pipeline.Intake, r *http1.Request, k *pipeline.Call) {
	k.Status, k.Allow = 204, deskOf(in).allowedAt(r)
	if k.Origin != nil {
		k.Origin = k.Origin.Preflight(allowed[k.Allow], r.RequestHeaders)
	}
	in.Answer(k, nil)
}

// statusFields are what some statuses say beside their body.
var statusFields = map[int]string{
	426: "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n", // RFC 9110 15.5.22, RFC 6455 4.4
	415: "Accept-Encoding: identity\r\n",                                              // RFC 9110 15.5.16
}

// appendResponse appends the response that carries message. Safe for workers and loop.
func appendResponse(dst []byte, c *pipeline.Conn, k *pipeline.Call, message []byte) []byte {
	status := statusCode(k)
	h := http1.Response{
		Status: status, ContentType: http1.JSONType, Date: deskOf(c.Intake()).date(), Head: k.Head,
		SessionID: k.SessionID, RetryAfter: retryAfter(k, status), Allow: allowed[k.Allow],
		Close: !k.KeepAlive, KeepAlive: k.KeepAlive && k.HTTP10,
	}
	if status >= 400 {
		h.Extra = statusFields[status]
		if status == 401 {
			h.WWWAuthenticate = deskOf(c.Intake()).Resource.Challenge(k.BadToken)
		}
	}
	if k.Origin != nil {
		h.Extra += k.Origin.Answer
	}
	return http1.AppendResponse(dst, &h, message)
}
