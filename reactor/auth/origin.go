package auth

import "bytes"

// A page in somebody's browser may reach a server through a name of its own that it has pointed at the server's address
// (DNS rebinding; MCP 2025-11-25 basic/transports, security warning). The Host field tells which name, the Origin field
// which page.

// Rules judge the Host and the Origin of HTTP requests. Never changed; any goroutine.
type Rules struct {
	hosts   []string
	origins []Origin
}

// Place is where a request has come in.
type Place struct {
	Loopback bool   // only this machine reaches it
	IP       string // its address, without the port
}

// NewRules allows hosts (names without port) and origins (scheme://host[:port], exactly). Without hosts, every Host is
// allowed at a place that others reach.
func NewRules(hosts, origins []string) Rules {
	r := Rules{hosts: hosts, origins: make([]Origin, len(origins))}
	for i, origin := range origins {
		r.origins[i] = newOrigin(origin)
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

// OriginAllowed checks an Origin field: allow-listed, or loopback at a loopback place. That it equals Host proves
// nothing: a rebound name makes them equal.
func (r *Rules) OriginAllowed(at Place, origin []byte) bool {
	if r.Origin(origin) != nil {
		return true
	}
	_, authority, ok := bytes.Cut(origin, []byte("://"))
	return ok && at.Loopback && IsLoopback(Hostname(authority))
}

// Origin finds the entry of an Origin field, exactly as configured; nil when there is none.
func (r *Rules) Origin(origin []byte) *Origin {
	for i := range r.origins {
		if string(origin) == r.origins[i].origin {
			return &r.origins[i]
		}
	}
	return nil
}

// Origin is an allowed one, with the field lines that let its pages read our answers (Fetch, CORS protocol). They are
// made of the configuration, never of what a peer sent.
type Origin struct {
	origin            string
	Answer, Preflight string
}

func newOrigin(origin string) Origin {
	answer := "Access-Control-Allow-Origin: " + origin + "\r\nVary: Origin\r\n" +
		"Access-Control-Expose-Headers: Mcp-Session-Id, WWW-Authenticate\r\n"
	return Origin{origin: origin, Answer: answer, Preflight: answer +
		"Access-Control-Allow-Methods: POST, GET, DELETE\r\nAccess-Control-Max-Age: 7200\r\n" +
		"Access-Control-Allow-Headers: Content-Type, Accept, Authorization, Last-Event-ID, Mcp-Session-Id, " +
		"MCP-Protocol-Version, Mcp-Method, Mcp-Name\r\n"}
}
