package reactor

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"weir/codec"
	"weir/codec/http1"
	"weir/codec/websocket"
	"weir/reactor/loop"
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
	// HTTP is the address for MCP over HTTP and WebSocket, host:port; port 0 lets the kernel choose. Empty: off.
	HTTP string `yaml:"http"`
	// TCP is the address for newline-delimited JSON-RPC over TCP, host:port. Empty: off.
	TCP string `yaml:"tcp"`
	// Unix is the path of a Unix socket for newline-delimited JSON-RPC. A dead socket file left there is replaced, a
	// live one is an error. Empty: off.
	Unix string `yaml:"unix"`
	// Loops is the number of event loops; 0 means one per core (GOMAXPROCS), which is what was measured to be best.
	// 0 to 256.
	Loops int `yaml:"loops"`
	// HTTPPath is the one path that serves MCP; every other is 404.
	HTTPPath string `yaml:"http_path"`
	// HTTPSSEPath serves the HTTP+SSE transport of MCP 2024-11-05 beside it, for clients that have no other: GET opens the
	// stream, POST answers 202. /sse is what such clients expect. Each session holds a connection, so max_connections
	// bounds them. Not http_path. Empty: off.
	HTTPSSEPath string `yaml:"http_sse_path"`
	// AllowedOrigins lists the values of Origin that browsers may send, exactly (scheme://host[:port]). Loopback
	// origins are always allowed on a loopback listener; any other Origin is 403 (DNS rebinding).
	AllowedOrigins []string `yaml:"allowed_origins"`
	// AllowedHosts lists the host names, without port, that the Host header may carry beside loopback names and the
	// listener's own address. On a listener that is not on loopback an empty list allows every Host.
	AllowedHosts []string `yaml:"allowed_hosts"`
	// OnFull decides what happens to a message that finds its connection's queue full: refuse (answer -32603 with a
	// reason) or pause (stop reading, for trusted peers).
	OnFull OnFull `yaml:"on_full"`

	// ReusePort lets several processes of the same user listen on the same HTTP and TCP ports (SO_REUSEPORT); the kernel
	// spreads new connections over them by a hash. It is the way past a limit on descriptors per process. A process that
	// ends takes what waits in its backlog with it, and a second server started by mistake goes unnoticed.
	ReusePort bool `yaml:"reuse_port"`
	// Backlog is the length of the kernel's queue of connections that wait to be accepted; the kernel cuts it to
	// net.core.somaxconn. 1 to 65535.
	Backlog int `yaml:"backlog"`
	// AcceptBatch is how many connections one loop accepts in a row before it serves the others. 1 to 4096.
	AcceptBatch int `yaml:"accept_batch"`
	// MaxConnectionRefusals is how many connections per second are accepted only to be told why they are refused;
	// above it accepting stops until the next second, and newcomers wait in the backlog. 0 to 100000.
	MaxConnectionRefusals int `yaml:"max_connection_refusals"`
	// MaxBatchElements is how many messages one JSON-RPC batch may hold (MCP 2025-03-26); a longer one is -32600.
	// 1 to 10000.
	MaxBatchElements int `yaml:"max_batch_elements"`

	// ReadBufferBytes is what one read may bring, per loop and not per connection. 4096 to 1048576.
	ReadBufferBytes int `yaml:"read_buffer_bytes"`
	// SendBufferBytes is the kernel's send buffer of a connection (SO_SNDBUF; the kernel doubles it for its own
	// bookkeeping). It bounds what a peer that never reads pins in kernel memory: without it 5,000 such peers held
	// 1.5 GB. 4096 to 4194304.
	SendBufferBytes int `yaml:"send_buffer_bytes"`
	// MaxOutboxBytes is how much answer text may wait in a connection beyond the kernel's buffer. Above it the
	// connection is not read and starts no further call until half has gone. One answer may overshoot it. 1024 to
	// 67108864.
	MaxOutboxBytes int `yaml:"max_outbox_bytes"`
	// MaxOutboxTotalBytes is the same for all connections together; the connection that would exceed it is closed
	// (outbox_budget). 1048576 to 68719476736.
	MaxOutboxTotalBytes int `yaml:"max_outbox_total_bytes"`
	// MaxInputTotalBytes bounds the unfinished messages of all connections together; the connection that would exceed
	// it is closed (input_budget). 1048576 to 68719476736.
	MaxInputTotalBytes int `yaml:"max_input_total_bytes"`

	// FirstByteTimeout is how long a new connection may stay silent. 0 means for ever.
	FirstByteTimeout time.Duration `yaml:"first_byte_timeout"`
	// MessageTimeout is how long a message may take from its first byte to its last: an HTTP head always, a line, a
	// WebSocket message or a body as long as it comes slower than MinReceiveRate. 100ms to 1h.
	MessageTimeout time.Duration `yaml:"message_timeout"`
	// MinReceiveRate is the rate, in bytes per second averaged since its first byte, that keeps a long message alive
	// past MessageTimeout. 1 to 1073741824.
	MinReceiveRate int `yaml:"min_receive_rate"`
	// IdleTimeout closes an HTTP connection without a request in progress. 0 means never.
	IdleTimeout time.Duration `yaml:"idle_timeout"`
	// LineIdleTimeout closes a TCP or Unix connection on which nothing arrived and nothing runs. 0 means never: TCP
	// keep-alive finds the dead ones.
	LineIdleTimeout time.Duration `yaml:"line_idle_timeout"`
	// PingInterval is how long a WebSocket peer may be silent before it gets a ping; as long again without a sign of
	// life closes it (ping_timeout). 0 means never.
	PingInterval time.Duration `yaml:"ping_interval"`
	// SSEKeepAlive is after how long without an event an open event stream gets a comment, which clients ignore: it
	// keeps the stream from being cut by what stands between, and finds peers that are gone. 0 means never, up to 1h.
	SSEKeepAlive time.Duration `yaml:"sse_keep_alive"`
	// SSERetry is what a session's stream tells its client to wait before it connects again after a loss, and one that a
	// call has closed until it is resumed, unless the call says when (retry, MCP 2025-11-25). 0 leaves it to the client, up
	// to 1h.
	SSERetry time.Duration `yaml:"sse_retry"`
	// WriteTimeout closes a connection that takes none of the bytes waiting for it for this long. 100ms to 1h.
	WriteTimeout time.Duration `yaml:"write_timeout"`
	// LingerTimeout is how long a connection that we ended waits for the peer to read the last answer and close too;
	// closing at once could reset the answer away. 0 to 1m.
	LingerTimeout time.Duration `yaml:"linger_timeout"`

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
func (m *MessageLimits) Validate() []error {
	errs := m.Limits.Validate()
	for _, err := range m.HTTP.Validate() {
		errs = append(errs, fmt.Errorf("http.%w", err))
	}
	for _, err := range m.WebSocket.Validate() {
		errs = append(errs, fmt.Errorf("websocket.%w", err))
	}
	return errs
}

// AuthOptions is how peers say who they are.
type AuthOptions struct {
	// TokensFile is the path of the tokens file, a line per token: the name of a principal, the SHA-256 of the token in hex
	// (weir token makes such a line), and optionally when it ends (RFC 3339). With it nothing but CORS preflights is served
	// without a token; without it ("") anybody is served. SIGHUP has it read again.
	TokensFile string `yaml:"tokens_file"`
	// Timeout is how long a TCP or Unix connection may take, from the accept, to send its first line, Authorization: Bearer
	// and a token; then it is closed (auth_timeout). 100ms to 1m.
	Timeout time.Duration `yaml:"timeout"`
	// TrustUnix has the Unix socket ask for no token: the permissions of its file decide who may come, and each peer's
	// principal is uid: and its user id, as the kernel says it (SO_PEERCRED).
	TrustUnix bool `yaml:"trust_unix"`
	// Resource is the URL of the MCP endpoint as clients know it, such as https://mcp.example.com/mcp. With it the metadata
	// document of RFC 9728 is served, without a token, below /.well-known/oauth-protected-resource, and a 401 says where. Only
	// for tokens that an authorization server issues, and writes into TokensFile. Empty: no document.
	Resource string `yaml:"resource"`
	// AuthorizationServers are the issuers that the document names, as URLs: at least one with Resource, none without it.
	AuthorizationServers []string `yaml:"authorization_servers"`
}

// DefaultOptions returns what a server has when its configuration names nothing.
func DefaultOptions() Options {
	return Options{
		HTTP:                  "127.0.0.1:8080",
		TCP:                   "127.0.0.1:7777",
		HTTPPath:              "/mcp",
		OnFull:                OnFullRefuse,
		Backlog:               4096,
		AcceptBatch:           64,
		MaxConnectionRefusals: 1000,
		MaxBatchElements:      100,
		ReadBufferBytes:       64 << 10,
		SendBufferBytes:       32 << 10,
		MaxOutboxBytes:        64 << 10,
		MaxOutboxTotalBytes:   64 << 20,
		MaxInputTotalBytes:    64 << 20,
		FirstByteTimeout:      30 * time.Second,
		MessageTimeout:        10 * time.Second,
		MinReceiveRate:        1 << 10,
		IdleTimeout:           60 * time.Second,
		PingInterval:          30 * time.Second,
		SSEKeepAlive:          15 * time.Second,
		SSERetry:              time.Second,
		WriteTimeout:          10 * time.Second,
		LingerTimeout:         2 * time.Second,
		Auth:                  AuthOptions{Timeout: 2 * time.Second},
		Messages: MessageLimits{
			Limits: codec.DefaultLimits(), HTTP: http1.DefaultLimits(), WebSocket: websocket.DefaultLimits(),
		},
	}
}

// Validate returns every option that cannot be used, each error naming its yaml key, its value and what is allowed.
func (o *Options) Validate() []error {
	var errs []error
	check := func(key string, value, low, high int) {
		if value < low || value > high {
			errs = append(errs, fmt.Errorf("%s: %d is out of range, allowed is %d to %d", key, value, low, high))
		}
	}
	check("loops", o.Loops, 0, 256)
	check("backlog", o.Backlog, 1, 65535)
	check("accept_batch", o.AcceptBatch, 1, 4096)
	check("max_connection_refusals", o.MaxConnectionRefusals, 0, 100_000)
	check("max_batch_elements", o.MaxBatchElements, 1, 10_000)
	check("read_buffer_bytes", o.ReadBufferBytes, 4<<10, 1<<20)
	check("send_buffer_bytes", o.SendBufferBytes, 4<<10, 4<<20)
	check("max_outbox_bytes", o.MaxOutboxBytes, 1<<10, 64<<20)
	check("max_outbox_total_bytes", o.MaxOutboxTotalBytes, 1<<20, 64<<30)
	check("max_input_total_bytes", o.MaxInputTotalBytes, 1<<20, 64<<30)
	check("min_receive_rate", o.MinReceiveRate, 1, 1<<30)
	errs = append(errs, o.validateTimes()...)
	errs = append(errs, o.validateAddresses()...)
	for _, err := range o.Messages.Validate() {
		errs = append(errs, fmt.Errorf("messages.%w", err))
	}
	return errs
}

func (o *Options) validateTimes() []error {
	var errs []error
	check := func(key string, value, low, high time.Duration) {
		if value < low || value > high {
			errs = append(errs, fmt.Errorf("%s: %v is out of range, allowed is %v to %v", key, value, low, high))
		}
	}
	const day = 24 * time.Hour
	check("first_byte_timeout", o.FirstByteTimeout, 0, day)
	check("message_timeout", o.MessageTimeout, 100*time.Millisecond, time.Hour)
	check("idle_timeout", o.IdleTimeout, 0, 365*day)
	check("line_idle_timeout", o.LineIdleTimeout, 0, 365*day)
	check("ping_interval", o.PingInterval, 0, day)
	check("sse_keep_alive", o.SSEKeepAlive, 0, time.Hour)
	check("sse_retry", o.SSERetry, 0, time.Hour)
	check("write_timeout", o.WriteTimeout, 100*time.Millisecond, time.Hour)
	check("auth.timeout", o.Auth.Timeout, 100*time.Millisecond, time.Minute)
	check("linger_timeout", o.LingerTimeout, 0, time.Minute)
	return errs
}

func (o *Options) validateAddresses() []error {
	var errs []error
	address := func(key, value string) {
		if value == "" {
			return
		}
		_, port, err := net.SplitHostPort(value)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %q is not an address, write host:port (such as 127.0.0.1:8080) or \"\" to switch it off", key, value))
		} else if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			errs = append(errs, fmt.Errorf("%s: %q has no port from 0 to 65535 behind the last colon", key, value))
		}
	}
	address("http", o.HTTP)
	address("tcp", o.TCP)
	if len(o.Unix) > 107 {
		errs = append(errs, fmt.Errorf("unix: %q has %d bytes, the kernel allows 107 for the path of a socket", o.Unix, len(o.Unix)))
	}
	if !strings.HasPrefix(o.HTTPPath, "/") {
		errs = append(errs, fmt.Errorf("http_path: %q must begin with a slash", o.HTTPPath))
	}
	if !validSSEPath(o.HTTPSSEPath, o.HTTPPath) {
		errs = append(errs, fmt.Errorf("http_sse_path: %q is not allowed: want a path such as /sse that is not http_path, without characters to escape, or \"\"", o.HTTPSSEPath))
	}
	if o.OnFull != OnFullRefuse && o.OnFull != OnFullPause {
		errs = append(errs, fmt.Errorf("on_full: %q is not known, allowed are %q and %q", o.OnFull, OnFullRefuse, OnFullPause))
	}
	errs = append(errs, o.Auth.validateURLs()...)
	for _, origin := range o.AllowedOrigins {
		if !strings.Contains(origin, "://") || strings.HasSuffix(origin, "/") {
			errs = append(errs, fmt.Errorf("allowed_origins: %q is not an origin, write scheme://host[:port] without a path", origin))
		}
	}
	for _, host := range o.AllowedHosts {
		if _, err := netip.ParseAddr(host); err != nil && (host == "" || strings.ContainsAny(host, ":/[]")) {
			errs = append(errs, fmt.Errorf("allowed_hosts: %q is not the name of a host, write it without scheme, port and path", host))
		}
	}
	return errs
}

// ofLoops are the bounds that the loops hold.
func (o *Options) ofLoops() loop.Options {
	return loop.Options{
		Loops:                 o.Loops,
		ReusePort:             o.ReusePort,
		Backlog:               o.Backlog,
		AcceptBatch:           o.AcceptBatch,
		MaxConnectionRefusals: o.MaxConnectionRefusals,
		ReadBufferBytes:       o.ReadBufferBytes,
		SendBufferBytes:       o.SendBufferBytes,
		MaxOutboxBytes:        o.MaxOutboxBytes,
		MaxOutboxTotalBytes:   o.MaxOutboxTotalBytes,
		MaxInputTotalBytes:    o.MaxInputTotalBytes,
		FirstByteTimeout:      o.FirstByteTimeout,
		MessageTimeout:        o.MessageTimeout,
		MinReceiveRate:        o.MinReceiveRate,
		WriteTimeout:          o.WriteTimeout,
		LingerTimeout:         o.LingerTimeout,
	}
}
