package reactor

import (
	"weir/codec/http1"
	"weir/registry"
)

// How answers leave an HTTP connection: each in a response of its own, in the order of the requests.

func (t *httpTransport) address(k *call) { k.Transport = registry.HTTP }

func (t *httpTransport) order() *answerOrder { return &t.answers }

// answer sends k's answer if it is k's turn, and the ready ones behind it; else it keeps the answer. One that the loop has made
// while nothing is before it is left in out. Those of workers never are: another worker may send the next one as soon as this one
// has left the order.
func (t *httpTransport) answer(c *conn, k *call, message, out []byte) []byte {
	o, mark := &t.answers, len(out)
	switch {
	case k.trail != nil:
		return resumable{eventStream{o, c, k}}.answer(message, out)
	case k.streaming:
		out = appendLastEvent(out, message)
	default:
		out = appendResponse(out, c, k, message)
	}
	if c.Pending() == 0 { // k never was among them
		k.release()
		return out
	}
	c.Lock()
	defer c.Unlock()
	if c.OpenLocked() && !o.holdsLocked(k) {
		if o.head == nil {
			k.release()
			return out
		}
		k.Raw = nil // borrowed
		o.linkLocked(k)
	}
	o.deliverLocked(c, k, out[mark:])
	return out[:mark]
}

func (t *httpTransport) notify(c *conn, k *call, message []byte) bool {
	return eventStream{&t.answers, c, k}.notify(message)
}

func (t *httpTransport) open(in *intake, c *conn, k *call, first []byte) {
	openStream{eventStream{&t.answers, c, k}}.open(in, first)
}

// httpHeadRoom is what a response head takes, about.
const httpHeadRoom = 256

// appendResponse appends the response that carries message. Safe for workers and loop.
func appendResponse(dst []byte, c *conn, k *call, message []byte) []byte {
	status := k.statusCode()
	h := http1.Response{
		Status: status, ContentType: jsonType, Date: c.intake.srv.date(),
		SessionID: k.SessionID, RetryAfter: k.retryAfterSeconds(status),
		Close: !k.keepAlive, KeepAlive: k.keepAlive && k.http10,
	}
	if status == 401 {
		h.WWWAuthenticate = c.intake.srv.resource.Challenge(k.badToken)
	}
	if k.allow {
		h.Allow = "POST, GET, DELETE, OPTIONS"
	}
	switch {
	case status == 426:
		h.Extra = "Sec-WebSocket-Version: 13\r\n" // RFC 6455 4.4
	case k.origin != nil:
		h.Extra = k.origin.Answer
		if k.allow {
			h.Extra = k.origin.Preflight
		}
	}
	return http1.AppendResponse(dst, &h, message)
}
