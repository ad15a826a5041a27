package reactor

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"weir/codec"
	"weir/codec/http1"
	"weir/codec/option"
	"weir/codec/websocket"
	"weir/reactor/auth"
	"weir/reactor/loop"
	"weir/reactor/pipeline"
	"weir/reactor/transport"
)

// OnFull says what happens to a message that finds its connection's own queue full.
type OnFull string

const (
	// OnFullRefuse answers the message with a refusal: the peer learns at once and may go elsewhere.
	OnFullRefuse OnFull = "refuse"
	// OnFullPause stops reading the connection until half of its queue has gone: TCP pushes back and nothing is
	// refused. For trusted peers, since their other messages, pings and cancellations included, wait as well.
	OnFullPause OnFull = "pause"
)

// Options holds every bound of the package. Start from DefaultOptions; New refuses what Validate refuses. With every
// listener off, a server serves what is attached.
type Options struct {
	// HTTP is the address for MCP over HTTP and WebSocket, host:port; port 0 lets the kernel choose.
	HTTP string `yaml:"http" default:"127.0.0.1:8080" zero:"off"`
	// TCP is the address for newline-delimited JSON-RPC over TCP, host:port.
	TCP string `yaml:"tcp" default:"127.0.0.1:7777" zero:"off"`
	// Unix is the path of a Unix socket for newline-delimited JSON-RPC. A dead socket file left there is replaced, a
	// live one is an error. A relative path is below the folder that the server was started in.
	Unix string `yaml:"unix" max:"107" zero:"off"`
	// Loops is the number of event loops. One per core (GOMAXPROCS) was measured to be best.
	Loops int `yaml:"loops" min:"0" max:"256" zero:"one per core" unit:"loops"`
	// HTTPPath is the path that serves MCP, and below it each mount has one of its own, http_path/NAME; every other is
	// 404.
	HTTPPath string `yaml:"http_path" default:"/mcp"`
	// HTTPSSEPath serves the HTTP+SSE transport of MCP 2024-11-05 beside it, for clients that have no other: GET opens
	// the stream, POST answers 202. /sse is what such clients expect. Each session holds a connection, so
	// max_connections bounds them. Not http_path.
	HTTPSSEPath string `yaml:"http_sse_path" zero:"off"`
	// AllowedOrigins lists the values of Origin that browsers may send, exactly (scheme://host[:port]). Loopback
	// origins are always allowed on a loopback listener; any other Origin is 403 (DNS rebinding).
	AllowedOrigins []string `yaml:"allowed_origins"`
	// AllowedHosts lists the host names, without port, that the Host header may carry beside loopback names and the
	// listener's own address. On a listener that is not on loopback an empty list allows every Host.
	AllowedHosts []string `yaml:"allowed_hosts"`
	// OnFull decides what happens to a message that finds its connection's queue full: refuse (answer -32603 with a
	// reason) or pause (stop reading, for trusted peers; standard streams always do).
	OnFull OnFull `yaml:"on_full" default:"refuse" oneof:"refuse,pause"`

	// ReusePort lets several processes of the same user listen on the same HTTP and TCP ports (SO_REUSEPORT); the
	// kernel spreads new connections over them by a hash. It is the way past a limit on descriptors per process. A
	// process that ends takes what waits in its backlog with it, and a second server started by mistake goes unnoticed.
	ReusePort bool `yaml:"reuse_port"`
	// Backlog is the length of the kernel's queue of connections that wait to be accepted; the kernel cuts it to
	// net.core.somaxconn.
	Backlog int `yaml:"backlog" default:"4096" min:"1" max:"65535" unit:"connections"`
	// AcceptBatch is how many connections one loop accepts in a row before it serves the others.
	AcceptBatch int `yaml:"accept_batch" default:"64" min:"1" max:"4096" unit:"connections"`
	// MaxConnectionRefusalRate is how many connections per second are accepted only to be told why they are refused;
	// above it accepting stops until the next second, and newcomers wait in the backlog.
	MaxConnectionRefusalRate int `yaml:"max_connection_refusal_rate" was:"max_connection_refusals" default:"1000" min:"0" max:"100000" unit:"connections/s"`
	// MaxJSONRPCBatchMessages is how many messages one JSON-RPC batch may hold (MCP 2025-03-26); a longer one is
	// -32600.
	MaxJSONRPCBatchMessages int `yaml:"max_jsonrpc_batch_messages" was:"max_batch_elements" default:"100" min:"1" max:"10000" unit:"messages"`

	// ReadBufferBytes is what one read may bring, per loop and not per connection.
	ReadBufferBytes int `yaml:"read_buffer_bytes" default:"64 KiB" min:"4 KiB" max:"1 MiB" unit:"bytes"`
	// SendBufferBytes is what the kernel may hold of a connection's answers beyond what is on its way to the peer: over
	// TCP TCP_NOTSENT_LOWAT, while the kernel itself chooses how much is on its way (net.ipv4.tcp_wmem); on a Unix
	// socket, where nothing is, twice SO_SNDBUF. It bounds what a peer that never reads pins in kernel memory:
	// with both unset each held up to 4 MB.
	SendBufferBytes int `yaml:"send_buffer_bytes" default:"48 KiB" min:"4 KiB" max:"4 MiB" unit:"bytes"`
	// MaxOutboxBytes is how much answer text may wait in a connection beyond the kernel's buffer. Above it the
	// connection is not read and starts no further call until half has gone. One answer may overshoot it.
	MaxOutboxBytes int `yaml:"max_outbox_bytes" default:"64 KiB" min:"1 KiB" max:"64 MiB" unit:"bytes"`
	// MaxOutboxTotalBytes is the same for all connections together. When it is exceeded, those who hold most
	// for longest are closed (outbox_total_bytes); up to 4 KiB nobody is.
	MaxOutboxTotalBytes int `yaml:"max_outbox_total_bytes" default:"64 MiB" min:"1 MiB" max:"64 GiB" unit:"bytes"`
	// MaxInputTotalBytes bounds the unfinished messages of all connections together, in the same way
	// (input_total_bytes).
	MaxInputTotalBytes int `yaml:"max_input_total_bytes" default:"64 MiB" min:"1 MiB" max:"64 GiB" unit:"bytes"`

	// FirstByteTimeout is how long a new connection may stay silent.
	FirstByteTimeout time.Duration `yaml:"first_byte_timeout" default:"30s" min:"0s" max:"24h" zero:"for ever"`
	// MessageTimeout is how long a message may take from its first byte to its last: an HTTP head always, a line, a
	// WebSocket message or a body as long as it comes slower than MinReceiveRate.
	MessageTimeout time.Duration `yaml:"message_timeout" default:"10s" min:"100ms" max:"1h"`
	// MinReceiveRate is the rate, in bytes per second over the last MessageTimeout (up to half as much again), that keeps
	// a long message alive past MessageTimeout.
	MinReceiveRate int `yaml:"min_receive_rate" default:"1024" min:"1" max:"1073741824" unit:"bytes/s"`
	// IdleTimeout closes an HTTP connection without a request in progress. It is longer than the minute for which the
	// usual balancers keep connections for their next request: of two that close at once, the balancer's request is
	// lost.
	IdleTimeout time.Duration `yaml:"idle_timeout" default:"75s" min:"0s" max:"8760h" zero:"never"`
	// LineIdleTimeout closes a TCP or Unix connection on which nothing arrived and nothing runs. TCP keep-alive finds
	// the dead ones.
	LineIdleTimeout time.Duration `yaml:"line_idle_timeout" min:"0s" max:"8760h" zero:"never"`
	// PingInterval is how long a WebSocket peer may be silent before it gets a ping; as long again without a sign of
	// life closes it (ping_timeout). One that waits for an answer gets pings too, and is not closed: they are for what
	// stands between.
	PingInterval time.Duration `yaml:"ping_interval" default:"30s" min:"0s" max:"24h" zero:"never"`
	// SSEKeepAlive is after how long without an event an open event stream gets a comment, which clients ignore: it
	// keeps the stream from being cut by what stands between, and finds peers that are gone.
	SSEKeepAlive time.Duration `yaml:"sse_keep_alive" default:"15s" min:"0s" max:"1h" zero:"never"`
	// SSEAnswerAfter is after how long without a word the answer to a POST becomes an event stream with comments, if its
	// client takes one: what stands between gives up on a silent answer, often after 30 or 60 seconds. Its status is 200
	// then, whatever comes of the call.
	SSEAnswerAfter time.Duration `yaml:"sse_answer_after" default:"20s" min:"0s" max:"1h" zero:"never"`
	// SSERetry is what a session's stream tells its client to wait before it connects again after a loss, and one that
	// a call has closed until it is resumed, unless the call says when (retry, MCP 2025-11-25).
	SSERetry time.Duration `yaml:"sse_retry" default:"1s" min:"0s" max:"1h" zero:"the client's own"`
	// WriteTimeout closes a connection that takes none of the bytes waiting for it for this long. A peer takes what its
	// kernel acknowledges, and a kernel whose buffer was full acknowledges more only when a good part of it is free again.
	WriteTimeout time.Duration `yaml:"write_timeout" default:"10s" min:"100ms" max:"1h"`
	// PeerTimeout is how long a TCP peer may acknowledge nothing, neither what was sent nor, while the connection is idle,
	// the kernel's probes, before it counts as gone (peer_reset; TCP_USER_TIMEOUT and keep-alive). It also ends a peer
	// that leaves its receive window shut for as long. Whole seconds are what the probes are set to.
	PeerTimeout time.Duration `yaml:"peer_timeout" default:"20s" min:"0s" max:"1h" zero:"what the kernel is set to"`
	// LingerTimeout is how long a connection that we ended waits for the peer to read the last answer and close too;
	// closing at once could reset the answer away.
	LingerTimeout time.Duration `yaml:"linger_timeout" default:"2s" min:"0s" max:"1m"`

	// DrainDelay is how long a stop waits before it begins, for whoever stands in front to notice (/readyz says 404 at
	// once) and send nobody here any more. Everything is served meanwhile; HTTP connections end with their next answer.
	// Longer than it takes a balancer to look twice. It is a part of the time that the stop may take.
	DrainDelay time.Duration `yaml:"drain_delay" min:"0s" max:"1h" zero:"none"`
	// DrainSpread is over how long a stop ends event streams and listens, a part of the connections at a time, so that
	// their clients do not come back all at once. At most half of the time that the stop may take.
	DrainSpread time.Duration `yaml:"drain_spread" default:"1s" min:"0s" max:"1h" zero:"all at once"`
	// MaxHandovers is how many connections a process that was upgraded may have taken back from its successor without a
	// look at them yet. While there are more, and the kernel's buffer between the two is full, the next request for it is
	// refused with handover_limit.
	MaxHandovers int `yaml:"max_handovers" default:"64" min:"1" max:"4096" unit:"connections"`

	// Auth says who may come. Without a TokensFile anybody may.
	Auth AuthOptions `yaml:"auth"`
	// Messages bounds one message on each transport.
	Messages MessageLimits `yaml:"messages"`
}

// MessageLimits are the bounds of every codec.
type MessageLimits struct {
	codec.Limits `yaml:",inline"`
	// HTTP bounds one HTTP/1.1 request.
	HTTP http1.Limits `yaml:"http"`
	// WebSocket bounds one WebSocket message and its fragments.
	WebSocket websocket.Limits `yaml:"websocket"`
}

// Validate returns every limit that is out of its range, as the codecs do; keys are relative to this struct.
func (m *MessageLimits) Validate() []error { return option.Check(m).Errors() }

// DefaultOptions returns what a server has when its configuration names nothing.
func DefaultOptions() Options {
	var o Options
	option.SetDefaults(&o)
	return o
}

// Validate returns every option that cannot be used, each error an *option.Mistake about its yaml key.
func (o *Options) Validate() []error {
	found := option.Check(o)
	o.checkAddresses(&found)
	o.Auth.checkURLs(&found)
	o.checkInput(&found)
	return found.Errors()
}

// gatheredAlways is the largest message for which no total is refused: such configurations were always allowed.
const gatheredAlways = 4 << 20

// checkInput holds that the largest message that is allowed can be gathered: its buffer doubles as it comes.
func (o *Options) checkInput(found *option.Mistakes) {
	largest := max(o.Messages.HTTP.MaxBodyBytes, o.Messages.Line.MaxMessageBytes, o.Messages.WebSocket.MaxMessageBytes)
	need := 2 * largest
	if largest > gatheredAlways && o.MaxInputTotalBytes < need && !found.Has("max_input_total_bytes") {
		found.Add("max_input_total_bytes", "%s is below twice the largest message that messages allows, which could never"+
			" be read to its end: allowed is %s or more", option.FormatSize(int64(o.MaxInputTotalBytes)),
			option.FormatSize(int64(need)))
	}
}

// CheckAddress says what is wrong with an address to listen on, and what is allowed; "" is off, and nothing is wrong
// with it.
func CheckAddress(address string) error {
	if address == "" {
		return nil
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q is not an address: allowed is host:port, such as 127.0.0.1:8080, or \"\" (off)", address)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%q has no port from 0 to 65535 behind its last colon, such as 127.0.0.1:8080", address)
	}
	return nil
}

func (o *Options) checkAddresses(found *option.Mistakes) {
	if err := CheckAddress(o.HTTP); err != nil {
		found.Add("http", "%v", err)
	}
	if err := CheckAddress(o.TCP); err != nil {
		found.Add("tcp", "%v", err)
	}
	if AddressesClash(o.TCP, o.HTTP) {
		found.Add("tcp", "%q and http, %q, are one port, which only one of them can listen on: allowed is another port, or"+
			" \"\" (off) for one of them", o.TCP, o.HTTP)
	}
	if !strings.HasPrefix(o.HTTPPath, "/") {
		found.Add("http_path", "%q does not begin with a slash: allowed is a path, such as /mcp", o.HTTPPath)
	}
	if !validSSEPath(o.HTTPSSEPath, o.HTTPPath) {
		found.Add("http_sse_path", "%q is not such a path: allowed is one like /sse that is not http_path and has no"+
			" characters to escape, or \"\" (off)", o.HTTPSSEPath)
	}
	for _, origin := range o.AllowedOrigins {
		if !auth.CheckOrigin(origin) {
			found.Add("allowed_origins", "%q is not an origin: allowed is scheme://host[:port], in lower case as browsers"+
				" write it, without a path", origin)
		}
	}
	for _, host := range o.AllowedHosts {
		if _, err := netip.ParseAddr(host); err != nil && (host == "" || strings.ContainsAny(host, ":/[]")) {
			found.Add("allowed_hosts", "%q is not a host: allowed is its name, without scheme, port and path", host)
		}
	}
}

// ofLoops are the bounds that the loops hold.
func (o *Options) ofLoops() loop.Options {
	return loop.Options{
		Loops:                    o.Loops,
		ReusePort:                o.ReusePort,
		Backlog:                  o.Backlog,
		AcceptBatch:              o.AcceptBatch,
		MaxConnectionRefusalRate: o.MaxConnectionRefusalRate,
		ReadBufferBytes:          o.ReadBufferBytes,
		SendBufferBytes:          o.SendBufferBytes,
		MaxOutboxBytes:           o.MaxOutboxBytes,
		MaxOutboxTotalBytes:      o.MaxOutboxTotalBytes,
		MaxInputTotalBytes:       o.MaxInputTotalBytes,
		FirstByteTimeout:         o.FirstByteTimeout,
		MessageTimeout:           o.MessageTimeout,
		MinReceiveRate:           o.MinReceiveRate,
		WriteTimeout:             o.WriteTimeout,
		PeerTimeout:              o.PeerTimeout,
		LingerTimeout:            o.LingerTimeout,
	}
}

// ofPipeline are those of the pipeline.
func (o *Options) ofPipeline() pipeline.Options {
	return pipeline.Options{
		PauseOnFull:             o.OnFull == OnFullPause,
		MaxJSONRPCBatchMessages: o.MaxJSONRPCBatchMessages,
		JSON:                    o.Messages.JSON,
	}
}

// ofTransports are those of the transports.
func (o *Options) ofTransports() transport.Options {
	return transport.Options{
		HTTPPath:        o.HTTPPath,
		HTTPSSEPath:     o.HTTPSSEPath,
		JSON:            o.Messages.JSON,
		HTTP:            o.Messages.HTTP,
		Line:            o.Messages.Line,
		WebSocket:       o.Messages.WebSocket,
		MessageTimeout:  o.MessageTimeout,
		IdleTimeout:     o.IdleTimeout,
		LineIdleTimeout: o.LineIdleTimeout,
		PingInterval:    o.PingInterval,
		SSEKeepAlive:    o.SSEKeepAlive,
		SSEAnswerAfter:  o.SSEAnswerAfter,
		SSERetry:        o.SSERetry,
		AuthTimeout:     o.Auth.Timeout,
		TrustUnix:       o.Auth.TrustUnix,
	}
}

// validSSEPath says whether a path can stand in a URI as it is, and is no other's.
func validSSEPath(path, mcp string) bool {
	u, err := url.Parse(path)
	return path == "" || err == nil && path[0] == '/' && strings.TrimSuffix(path, "/") != strings.TrimSuffix(mcp, "/") &&
		u.EscapedPath() == path && u.RawQuery == "" && u.Fragment == "" && u.Host == ""
}
