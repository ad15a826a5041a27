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
	switch {
	case k.Trail != nil:
		return resumable{eventStream{o, c, k}}.answer(message, out)
	case k.Streaming:
		out = appendLastEvent(out, message)
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

func (t *httpTransport) Notify(c *pipeline.Conn, k *pipeline.Call, message []byte) bool {
	return eventStream{&t.answers, c, k}.notify(message)
}

func (t *httpTransport) Open(in *pipeline.Intake, c *pipeline.Conn, k *pipeline.Call, first []byte) {
	openStream{eventStream{&t.answers, c, k}}.open(in, first)
}

// httpHeadRoom is what a response head takes, about.
const httpHeadRoom = 256

// appendResponse appends the response that carries message. Safe for workers and loop.
func appendResponse(dst []byte, c *pipeline.Conn, k *pipeline.Call, message []byte) []byte {
	status := statusCode(k)
	h := http1.Response{
		Status: status, ContentType: jsonType, Date: deskOf(c.Intake()).date(),
		SessionID: k.SessionID, RetryAfter: retryAfter(k, status),
		Close: !k.KeepAlive, KeepAlive: k.KeepAlive && k.HTTP10,
	}
	if status == 401 {
		h.WWWAuthenticate = deskOf(c.Intake()).Resource.Challenge(k.BadToken)
	}
	if k.Allow {
		h.Allow = "POST, GET, DELETE, OPTIONS"
	}
	switch {
	case status == 426:
		h.Extra = "Sec-WebSocket-Version: 13\r\n" // RFC 6455 4.4
	case k.Origin != nil:
		h.Extra = k.Origin.Answer
		if k.Allow {
			h.Extra = k.Origin.Preflight
		}
	}
	return http1.AppendResponse(dst, &h, message)
}
