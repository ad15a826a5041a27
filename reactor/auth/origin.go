package auth

import (
	"bytes"
	"strconv"
	"strings"
)

// A page in somebody's browser may reach a server through a name of its own that it has pointed at the server's address
// (DNS rebinding; MCP 2025-11-25 basic/transports, security warning). The Host field tells which name, the Origin field
// which page.

// Rules judge the Host and the Origin of HTTP requests. Never changed; any goroutine.
type Rules struct {
	hosts   []string
	origins []*Origin
}

// Place is where a request has come in.
type Place struct {
	Loopback bool   // only this machine reaches it
	IP       string // its address, without the port
}

// NewRules allows hosts (names without port) and origins (scheme://host[:port], exactly). Without hosts, every Host is
// allowed at a place that others reach.
func NewRules(hosts, origins []string) Rules {
	r := Rules{hosts: hosts, origins: make([]*Origin, len(origins))}
	for i, origin := range origins {
		r.origins[i] = newOrigin(origin, credentials)
	}
	return r
}

// HostAllowed checks a Host field against the names that the place may be called by.
func (r *Rules) HostAllowed(at Place, host []byte) bool {
	name := Hostname(host)
	if at.Loopback && IsLoopback(name) || string(name) == at.IP {
		return true
	}
	if len(r.hosts) == 0 {
		return !at.Loopback
	}
	for _, allowed := range r.hosts {
		if bytes.EqualFold(name, []byte(allowed)) {
			return true
		}
	}
	return false
}

// Origin finds an Origin field among the allowed ones, exactly as configured; at a loopback place pages of this machine
// are allowed too. nil: it is not allowed. That it equals Host proves nothing: a rebound name makes them equal.
func (r *Rules) Origin(at Place, origin []byte) *Origin {
	for i := range r.origins {
		if string(origin) == r.origins[i].origin {
			return r.origins[i]
		}
	}
	if at.Loopback && isLoopbackOrigin(origin) {
		return newOrigin(string(origin), "")
	}
	return nil
}

// Origin is an allowed one, with the field lines that let its pages read our answers (Fetch, CORS protocol): who may
// call may read. They are made of the configuration, or of an origin whose every byte isLoopbackOrigin has looked at.
type Origin struct {
	origin string
	Answer string
}

// NoOrigin is for answers to GET that name no page: a cache that keeps one must not hand it to a page (Fetch, CORS
// protocol and HTTP caches).
var NoOrigin = &Origin{Answer: vary}

// Is says whether origin is this one.
func (o *Origin) Is(origin []byte) bool { return o.origin == string(origin) }

const vary = "Vary: Origin\r\n"

// credentials lets a page send those of a proxy in front (cookies, a certificate): only one that the configuration
// names may, since any program of this machine can serve a loopback page. Weir itself has none that travel unasked.
const credentials = "Access-Control-Allow-Credentials: true\r\n"

// exposed are the fields of answers that pages may read beside those that they always may.
const exposed = "Mcp-Session-Id, WWW-Authenticate, Retry-After, Allow, Accept-Encoding"

// requested are the fields of requests that pages may send, as a browser that asks for no names is told.
const requested = "Content-Type, Accept, Authorization, Last-Event-ID, Mcp-Session-Id, MCP-Protocol-Version, " +
	"Mcp-Method, Mcp-Name"

func newOrigin(origin, credentials string) *Origin {
	return &Origin{origin: origin, Answer: "Access-Control-Allow-Origin: " + origin + "\r\n" + vary + credentials +
		"Access-Control-Expose-Headers: " + exposed + "\r\n"}
}

// Preflight is the field lines that answer a preflight for a path with these methods. names are the fields that the
// browser asks for: those of Mcp-Param-* are named by the tools, and a page may send what it likes to whom it may call,
// so all that are names are allowed. That the server stands in a private network or on the page's own machine is no
// reason against an origin that is allowed (Private Network Access: browsers up to 2025 ask).
func (o *Origin) Preflight(methods string, names []byte) *Origin {
	fields := append([]byte(o.Answer), "Access-Control-Max-Age: 7200\r\nAccess-Control-Allow-Private-Network: true\r\n"+
		"Access-Control-Allow-Methods: "+methods+"\r\nAccess-Control-Allow-Headers: "+requested...)
	for name := range bytes.SplitSeq(names, []byte{','}) {
		if name = bytes.Trim(name, " \t"); isFieldName(name) {
			fields = append(append(fields, ", "...), name...)
		}
	}
	return &Origin{origin: o.origin, Answer: string(append(fields, "\r\n"...))}
}

// isFieldName says whether name is one that a browser may ask for: letters, digits and what usual names have beside
// them.
func isFieldName(name []byte) bool {
	for _, c := range name {
		if !token68[c] || c == '/' || c == '=' {
			if c != '_' {
				return false
			}
		}
	}
	return len(name) > 0
}

// CheckOrigin says whether text is the origin of a page as browsers write it: scheme://host[:port], in lower case.
func CheckOrigin(text string) bool {
	scheme, authority, ok := strings.Cut(text, "://")
	host, ok2 := originHost([]byte(authority))
	if !ok || !ok2 || scheme == "" || text != strings.ToLower(text) {
		return false
	}
	for i, c := range []byte(scheme) { // RFC 3986 3.1
		letter := c >= 'a' && c <= 'z'
		if !letter && (i == 0 || (c < '0' || c > '9') && c != '+' && c != '-' && c != '.') {
			return false
		}
	}
	for _, c := range host {
		if c <= ' ' || c >= 0x7F || bytes.IndexByte([]byte(`*/?#@\<>^|%"`+"`{}"), c) >= 0 {
			return false
		}
	}
	return true
}

// isLoopbackOrigin says whether origin is a page that this machine itself serves: http or https, a loopback host, and
// maybe a port. Other schemes than the web's name whoever they like (chrome-extension://localhost).
func isLoopbackOrigin(origin []byte) bool {
	authority, ok := bytes.CutPrefix(origin, []byte("http://"))
	if !ok {
		if authority, ok = bytes.CutPrefix(origin, []byte("https://")); !ok {
			return false
		}
	}
	host, ok := originHost(authority)
	return ok && IsLoopback(host)
}

// originHost is the host of an origin's authority, without brackets; false when it is not host[:port].
func originHost(authority []byte) (host []byte, ok bool) {
	rest := authority
	if len(rest) > 0 && rest[0] == '[' {
		end := bytes.IndexByte(rest, ']')
		if end < 0 {
			return nil, false
		}
		host, rest = rest[1:end], rest[end+1:]
		if bytes.IndexByte(host, ':') < 0 || bytes.IndexByte(host, '%') >= 0 {
			return nil, false
		}
	} else {
		end := bytes.IndexByte(rest, ':')
		if end < 0 {
			end = len(rest)
		}
		host, rest = rest[:end], rest[end:]
	}
	if len(rest) > 0 {
		port, err := strconv.ParseUint(string(rest[1:]), 10, 16)
		if rest[0] != ':' || err != nil || port == 0 || rest[1] == '+' {
			return nil, false
		}
	}
	return host, len(host) > 0
}
