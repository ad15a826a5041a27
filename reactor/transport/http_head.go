package transport

import (
	"weir/backpressure"
	"weir/codec"
	"weir/codec/http1"
	"weir/codec/websocket"
	"weir/reactor/auth"
	"weir/reactor/pipeline"
	"weir/reactor/transport/paths"
)

// What an HTTP request must be before its body is looked at: for this host, from an allowed origin, to our path, from
// somebody we know (auth.go), with a method and types we speak. The order is that of the checks' importance: a page in
// somebody's browser that reaches us through a rebound name learns nothing but 403.

// acceptable judges the head of r: a status and an error, or no error when its body may be served.
func (t *httpTransport) acceptable(in *pipeline.Intake, c *pipeline.Conn, r *http1.Request) (int, *codec.Error) {
	d := deskOf(in)
	d.accept, d.at = http1.ReadAccept(r.Accept), nil
	to, name := d.paths.Of(r.Path)
	switch {
	case r.Method == http1.MethodConnect:
		r.KeepAlive = false // what follows is meant for somebody else (RFC 9110 9.3.6)
		return 501, errConnect
	case !d.Rules.HostAllowed(placeOf(c), r.Host):
		return 403, errHost // MCP 2025-11-25 basic/transports, security warning: DNS rebinding
	case r.Origin != nil && d.origin(c, r.Origin) == nil:
		return 403, errOrigin
	case d.Resource.IsMetadata(r.Path):
		switch r.Method {
		case http1.MethodGet, http1.MethodHead, http1.MethodOptions:
			return 0, nil
		}
		return 405, errMetadataMethod
	case string(r.Path) == "*": // OPTIONS of the server itself (RFC 9110 9.3.7)
		return 0, nil
	case to == paths.Nothing:
		return 404, errPath
	}
	if r.Method != http1.MethodOptions { // a preflight has no token (Fetch, CORS protocol), and learns nothing
		if status, fail := t.authorize(in, c, r); fail != nil {
			return status, fail
		}
	}
	if len(name) > 0 { // only those learn what there is who may come
		e := d.Endpoints.Find(name)
		if e == nil {
			return 404, errEndpoint
		}
		d.at = e.View
	}
	if to == paths.SSE {
		return acceptableSSE(r, d.accept)
	}
	return acceptableMCP(r, d.accept)
}

// acceptableMCP judges the head of a request to http_path.
func acceptableMCP(r *http1.Request, accept http1.Accepted) (int, *codec.Error) {
	switch r.Method {
	case http1.MethodPost:
		if !accept.JSON && !accept.Stream {
			return 406, errAccept
		}
		return acceptableBody(r)
	case http1.MethodGet:
		switch {
		case !r.UpgradeWebSocket && !accept.Stream && r.SessionID != nil:
			return 405, errAcceptStream // and not 406: MCP 2025-11-25, basic/transports, knows a stream or 405
		case !r.UpgradeWebSocket && !accept.Stream:
			return 405, errMethod
		case !r.UpgradeWebSocket:
			return 0, nil // a session's stream; the registry knows whether there is one
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

// acceptableBody judges what the head of a POST says of its body.
func acceptableBody(r *http1.Request) (int, *codec.Error) {
	switch {
	case !http1.IsJSON(r.ContentType):
		return 415, errMediaType
	case !http1.IsIdentity(r.ContentEncoding):
		return 415, errCoding
	case !r.HasBody:
		return 400, errNoBody
	}
	return 0, nil
}

// origin finds the Origin of a request among those that are allowed; nil when there is none.
func (d *desk) origin(c *pipeline.Conn, origin []byte) *auth.Origin {
	if origin == nil {
		return nil
	}
	at := placeOf(c)
	if d.lastOrigin != nil && d.lastPlace == at && d.lastOrigin.Is(origin) {
		return d.lastOrigin
	}
	found := d.Rules.Origin(at, origin)
	if found != nil {
		d.lastOrigin, d.lastPlace = found, at
	}
	return found
}

// pageOf is whom the answer to r is for, in the words of CORS; nil: nobody's page, and no cache keeps it.
func (d *desk) pageOf(c *pipeline.Conn, r *http1.Request) *auth.Origin {
	page := d.origin(c, r.Origin)
	if page == nil && (r.Method == http1.MethodGet || r.Method == http1.MethodHead) {
		return auth.NoOrigin
	}
	return page
}

// maxLoggedBytes bounds what a log line repeats of a peer's field.
const maxLoggedBytes = 200

// logRefused says in the log which key lets a page or a name in, once in ten seconds: whoever opens the page sees no
// more than "Failed to fetch".
func (s *Site) logRefused(r *http1.Request, fail *codec.Error) {
	gate, key, field, text := &s.strange.origins, "allowed_origins", "origin", r.Origin
	switch fail {
	case errOrigin:
	case errHost:
		gate, key, field, text = &s.strange.hosts, "allowed_hosts", "host", r.Host
	default:
		return
	}
	leftOut, ok := gate.Allow(backpressure.Now(), 1)
	if !ok {
		return
	}
	line := s.Pipeline.Log.Warn().Str(field, string(text[:min(len(text), maxLoggedBytes)])).Str("key", key)
	if leftOut > 0 {
		line = line.Int("suppressed", leftOut)
	}
	line.Msg("a request was refused for where it comes from: the key lists what is let in")
}

// acceptableSSE judges the head of a request to http_sse_path.
func acceptableSSE(r *http1.Request, accept http1.Accepted) (status int, fail *codec.Error) {
	switch {
	case r.Method == http1.MethodOptions:
		return 0, nil
	case r.Method == http1.MethodGet:
		if !accept.Stream {
			return 406, errAcceptStream
		}
		return 0, nil
	case r.Method != http1.MethodPost:
		return 405, errSSEMethod
	}
	return acceptableBody(r)
}

// servesSSE says whether r is for the transport of 2024-11-05.
func (s *Site) servesSSE(r *http1.Request) bool {
	to, _ := s.paths.Of(r.Path)
	return to == paths.SSE
}
