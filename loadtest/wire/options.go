package wire

import "weir/codec/option"

// MethodCall is the method that most options name.
const MethodCall = "tools/call"

// The revisions that clients of the two eras speak where nothing else is asked for.
const (
	LegacyRevision = "2025-11-25"
	ModernRevision = "2026-07-28"
)

// Transport is how messages travel.
type Transport uint8

const (
	// Line is newline-delimited JSON over TCP or a Unix socket.
	Line Transport = iota
	// WebSocket is one message per text frame, subprotocol mcp.
	WebSocket
	// HTTP is streamable HTTP: one POST per message on kept connections.
	HTTP
)

// String returns the word used in tables and flags.
func (t Transport) String() string { return [...]string{"tcp", "ws", "http"}[t] }

// Era is which of the two families of protocol revisions the clients speak (MCP 2026-07-28, basic/versioning).
type Era uint8

const (
	// Legacy initialises each connection; over HTTP with a session (MCP 2025-11-25).
	Legacy Era = iota
	// Modern sends each request alone with its own _meta (MCP 2026-07-28).
	Modern
)

// Opening is what makes a connection count as open.
type Opening uint8

const (
	// OpenSession is the era's whole handshake: initialize and notifications/initialized, or nothing when Modern.
	OpenSession Opening = iota
	// OpenPing is one answered ping: the cheapest proof that a server took a connection and serves it.
	OpenPing
	// OpenBare is the connection itself (and the WebSocket upgrade).
	OpenBare
)

// hostHeader is the Host header: the address itself, or a name for a socket that has none.
func (o *Options) hostHeader() string {
	if o.Host != "" {
		return o.Host
	}
	if o.Network == "unix" {
		return "localhost"
	}
	return o.Address
}

// SessionRevision is what a session is asked to speak.
func (o *Options) SessionRevision() string {
	if o.Revision == "" {
		return LegacyRevision
	}
	return o.Revision
}

// Options says where a server is and what is said to it. The zero value is not usable: start from DefaultOptions.
type Options struct {
	// Network is that of the server's address.
	Network string `default:"tcp" oneof:"tcp,unix"`
	// Address is host:port with a numeric host, or the path of a Unix socket.
	Address string `min:"1"`
	// Host is the Host header; empty: the address itself, or localhost for a socket that has none.
	Host string
	// Path is the endpoint of HTTP and WebSocket.
	Path string `default:"/mcp"`

	Transport Transport
	Era       Era
	Opening   Opening

	// Method is what is called: tools/call, or a method without parameters.
	Method string `default:"tools/call" min:"1"`
	// Revision is what an initialized session speaks; empty: 2025-11-25.
	Revision string
	// Headers are further lines of each HTTP request and WebSocket upgrade, each ending in CRLF; on lines they are the
	// first lines of each connection.
	Headers string
	// Tool and Arguments (a JSON object) are the call of tools/call. PadBytes of filler go into params._meta, which
	// tools do not see.
	Tool      string `default:"echo"`
	Arguments string
	PadBytes  int `min:"0" max:"4 MiB" unit:"bytes"`

	// Stream has each connection open an event stream after its opening, and count what arrives on it, instead of
	// calling: its session's with GET, or a subscriptions/listen for changed lists when Modern. HTTP only.
	Stream bool
	// Watch is the URI of a resource of whose updates the streams want to hear too; empty: of none.
	Watch string

	// MaxAnswerBytes bounds what is kept of one unfinished answer; beyond it the connection ends as bad.
	MaxAnswerBytes int `default:"1 MiB" min:"1 KiB" max:"64 MiB" unit:"bytes"`
}

// DefaultOptions returns calls of `echo` over newline-delimited TCP; Address is still to be set.
func DefaultOptions() Options {
	o := Options{Arguments: `{"message":"0123456789abcdef"}`}
	option.SetDefaults(&o)
	return o
}

// Validate returns everything that is wrong with the options, as option.Mistakes; nil when a client can use them.
func (o *Options) Validate() error {
	found := option.Check(o)
	if o.Transport > HTTP || o.Era > Modern || o.Opening > OpenBare {
		found.Add("Transport, Era, Opening", "%d, %d, %d: allowed are the constants of this package", o.Transport, o.Era,
			o.Opening)
	}
	if o.Stream && o.Transport != HTTP {
		found.Add("Stream", "true over %v: allowed is HTTP", o.Transport)
	}
	return found.Err()
}
