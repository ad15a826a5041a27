package reactor

import (
	"bytes"
	"net/netip"

	"weir/codec"
	"weir/codec/http1"
	"weir/codec/websocket"
)

// What an HTTP request must be before its body is looked at: for this host, from an allowed origin, to our path, from
// somebody we know (auth.go), with a method and types we speak. The order is that of the checks' importance: a page in
// somebody's browser that reaches us through a rebound name learns nothing but 403.

var (
	errHost         = &codec.Error{Code: codec.CodeInvalidRequest, Message: "this Host is not served here (allowed_hosts)"}
	errOrigin       = &codec.Error{Code: codec.CodeInvalidRequest, Message: "this Origin is not allowed (allowed_origins)"}
	errPath         = &codec.Error{Code: codec.CodeInvalidRequest, Message: "nothing is served at this path, MCP is at http_path (/mcp unless configured)"}
	errMethod       = &codec.Error{Code: codec.CodeInvalidRequest, Message: "this HTTP method is not served: POST a message, DELETE a session, GET its event stream (Accept: text/event-stream), or GET with a WebSocket upgrade"}
	errMediaType    = &codec.Error{Code: codec.CodeInvalidRequest, Message: "Content-Type must be application/json"}
	errAccept       = &codec.Error{Code: codec.CodeInvalidRequest, Message: "Accept must allow application/json"}
	errNoBody       = &codec.Error{Code: codec.CodeInvalidRequest, Message: "a POST must carry a JSON-RPC message"}
	errUpgradeEarly = &codec.Error{Code: codec.CodeInvalidRequest, Message: "upgrade when the requests before it are answered"}
	errWSVersion    = &codec.Error{Code: codec.CodeInvalidRequest, Message: "Sec-WebSocket-Version must be 13"}
	errWSKey        = &codec.Error{Code: codec.CodeInvalidRequest, Message: "Sec-WebSocket-Key must be 16 bytes in base64"}
)

// acceptable judges the head of r; fail is nil when its body may be served.
func (t *httpTransport) acceptable(l *loop, c *conn, r *http1.Request) (status int, fail *codec.Error) {
	s := l.srv
	switch {
	case !s.hostAllowed(c.listener, r.Host):
		return 403, errHost // MCP 2025-11-25 basic/transports, security warning: DNS rebinding
	case r.Origin != nil && !s.originAllowed(c.listener, r.Origin):
		return 403, errOrigin
	case s.isMetadata(r.Path):
		if r.Method != http1.MethodGet && r.Method != http1.MethodOptions {
			return 405, errMethod
		}
		return 0, nil
	case string(r.Path) != s.opts.HTTPPath && !s.servesSSE(r):
		return 404, errPath
	}
	if r.Method != http1.MethodOptions { // a preflight has no token (Fetch, CORS protocol), and learns nothing
		if status, fail := t.authorize(l, c, r); fail != nil {
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

// hostAllowed checks a Host field against the names this listener may be called by.
func (s *Server) hostAllowed(ln *listener, host []byte) bool {
	name := hostname(host)
	if isLoopback(name) && ln.loopback || string(name) == ln.ip {
		return true
	}
	if len(s.opts.AllowedHosts) == 0 {
		return !ln.loopback
	}
	for _, allowed := range s.opts.AllowedHosts {
		if bytes.EqualFold(name, []byte(allowed)) {
			return true
		}
	}
	return false
}

// originAllowed checks an Origin field: allow-listed, or loopback on a loopback listener. That it equals Host proves
// nothing: a rebound name makes them equal.
func (s *Server) originAllowed(ln *listener, origin []byte) bool {
	if s.allowedOrigin(origin) != nil {
		return true
	}
	_, authority, ok := bytes.Cut(origin, []byte("://"))
	return ok && ln.loopback && isLoopback(hostname(authority))
}

// allowedOrigin is an entry of allowed_origins with the field lines that let its pages read our answers (Fetch, CORS
// protocol). They are made of the configuration, never of what a peer sent.
type allowedOrigin struct {
	origin, answer, preflight string
}

func newAllowedOrigins(origins []string) []allowedOrigin {
	list := make([]allowedOrigin, len(origins))
	for i, origin := range origins {
		answer := "Access-Control-Allow-Origin: " + origin + "\r\nVary: Origin\r\nAccess-Control-Expose-Headers: Mcp-Session-Id, WWW-Authenticate\r\n"
		list[i] = allowedOrigin{origin: origin, answer: answer, preflight: answer +
			"Access-Control-Allow-Methods: POST, GET, DELETE\r\nAccess-Control-Max-Age: 7200\r\n" +
			"Access-Control-Allow-Headers: Content-Type, Accept, Authorization, Last-Event-ID, Mcp-Session-Id, MCP-Protocol-Version, Mcp-Method, Mcp-Name\r\n"}
	}
	return list
}

// allowedOrigin finds the entry of an Origin field, exactly as configured; nil when there is none.
func (s *Server) allowedOrigin(origin []byte) *allowedOrigin {
	for i := range s.origins {
		if string(origin) == s.origins[i].origin {
			return &s.origins[i]
		}
	}
	return nil
}

// hostname cuts the port off an authority, and the brackets off an IPv6 address.
func hostname(authority []byte) []byte {
	if len(authority) > 0 && authority[0] == '[' {
		if end := bytes.IndexByte(authority, ']'); end > 0 {
			return authority[1:end]
		}
		return authority
	}
	name, _, _ := bytes.Cut(authority, []byte{':'})
	return name
}

// isLoopback reports whether a host name or address in text is the loopback.
func isLoopback(name []byte) bool {
	if len(name) == 9 && bytes.EqualFold(name, []byte("localhost")) {
		return true
	}
	if len(name) == 0 || name[0] != '1' && name[0] != ':' { // 127.x and ::1; the rest need not be parsed
		return false
	}
	ip, err := netip.ParseAddr(string(name))
	return err == nil && ip.IsLoopback()
}
