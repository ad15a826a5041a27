package transport

import (
	"bytes"

	"weir/codec"
	"weir/codec/http1"
	"weir/codec/websocket"
	"weir/reactor/pipeline"
)

// What an HTTP request must be before its body is looked at: for this host, from an allowed origin, to our path, from
// somebody we know (auth.go), with a method and types we speak. The order is that of the checks' importance: a page in
// somebody's browser that reaches us through a rebound name learns nothing but 403.

// acceptable judges the head of r: a status and an error, or no error when its body may be served.
func (t *httpTransport) acceptable(in *pipeline.Intake, c *pipeline.Conn, r *http1.Request) (int, *codec.Error) {
	s := deskOf(in)
	switch {
	case !s.Rules.HostAllowed(placeOf(c), r.Host):
		return 403, errHost // MCP 2025-11-25 basic/transports, security warning: DNS rebinding
	case r.Origin != nil && !s.Rules.OriginAllowed(placeOf(c), r.Origin):
		return 403, errOrigin
	case s.Resource.IsMetadata(r.Path):
		if r.Method != http1.MethodGet && r.Method != http1.MethodOptions {
			return 405, errMethod
		}
		return 0, nil
	case string(r.Path) != s.Options.HTTPPath && !s.servesSSE(r):
		return 404, errPath
	}
	if r.Method != http1.MethodOptions { // a preflight has no token (Fetch, CORS protocol), and learns nothing
		if status, fail := t.authorize(in, c, r); fail != nil {
			return status, fail
		}
	}
	if s.servesSSE(r) {
		return acceptableSSE(r)
	}
	switch r.Method {
	case http1.MethodPost:
		switch {
		case !isJSON(r.ContentType):
			return 415, errMediaType
		case !acceptsJSON(r.Accept):
			return 406, errAccept
		case !r.HasBody:
			return 400, errNoBody
		}
	case http1.MethodGet:
		switch {
		case !r.UpgradeWebSocket && bytes.Contains(r.Accept, []byte(eventStreamType)):
			return 0, nil // a session's stream; the registry knows whether there is one
		case !r.UpgradeWebSocket:
			return 405, errMethod
		case string(r.WSVersion) != "13":
			return 426, errWSVersion
		case !websocket.ValidKey(r.WSKey):
			return 400, errWSKey
		}
	case http1.MethodDelete, http1.MethodOptions:
	default:
		return 405, errMethod
	}
	return 0, nil
}

// isJSON reports whether a Content-Type is application/json, with or without parameters.
func isJSON(contentType []byte) bool {
	media, _, _ := bytes.Cut(contentType, []byte{';'})
	return bytes.EqualFold(bytes.TrimSpace(media), []byte(jsonType))
}

// acceptsJSON reports whether an Accept field (nil: anything) allows JSON. Clients must list JSON and event streams;
// who lists only JSON is served too, since we answer requests with JSON.
func acceptsJSON(accept []byte) bool {
	if accept == nil {
		return true
	}
	for len(accept) > 0 {
		item, rest, _ := bytes.Cut(accept, []byte{','})
		media, _, _ := bytes.Cut(item, []byte{';'})
		switch media = bytes.TrimSpace(media); {
		case string(media) == "*/*", string(media) == "application/*", bytes.EqualFold(media, []byte(jsonType)):
			return true
		}
		accept = rest
	}
	return false
}
