package remote

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"weir/codec"
	"weir/reactor/mount/reason"
)

// What there is: the remote, its session, a message of the mount's. The other files say what becomes of them.

// Config is what a Remote needs.
type Config struct {
	URL       *url.URL
	Headers   map[string]string // of every request; checked
	TokenFile string            // whose text is the bearer token; "": none
	// MaxConnections bounds the connections to the server, MaxBytes one message of it, and Patience what nobody waits
	// for with a time of his own: notifications, answers, a session that is begun again.
	MaxConnections, MaxBytes int
	Patience                 time.Duration
	JSON                     codec.JSONLimits
	// Arriving bounds what has not come whole, of this one and of others.
	Arriving *Account
	// Met hears that a bound was met. Any goroutine.
	Met func(reason.Limit)
	// Failed hears that the request with this id has no answer, before or after other lines. Any goroutine.
	Failed func(id uint64, f *Failure)
	// Renewed hears that the server knows nothing any more of what it was told before. Any goroutine.
	Renewed func()
}

// Spare are the connections that are no call's: the stream, two for what is said in passing, one for the mount's own
// requests.
const Spare = 4

// maxWaiting is how much may wait to be said in passing. What is more is not said: a cancellation still ends its
// request, and who waits for an answer has a deadline.
const maxWaiting = 256

// Remote is a server that is spoken to over HTTP. Its life: Begin, Start, End.
type Remote struct {
	c           Config
	conn        net.Conn
	transport   *http.Transport
	token       *tokenFile
	connections atomic.Int64

	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
	passing chan struct{} // a place for each of what is said in passing
	waiting chan struct{} // and for each of what is, or waits for that

	writing sync.Mutex

	mu       sync.Mutex
	session  session
	calls    map[uint64]context.CancelFunc // in progress
	asked    map[string]uint64             // ids of the server's requests, and the calls whose streams they came on
	renewing sync.Mutex
}

// session is what was agreed with the server.
type session struct {
	id, version string
	epoch       int    // counts sessions
	greeting    []byte // the line that began it
	listens     bool   // its stream is read
}

// counted is a connection that is counted while it is open.
type counted struct {
	net.Conn
	left *atomic.Int64
	once sync.Once
}

// Close implements net.Conn.
func (c *counted) Close() error {
	c.once.Do(func() { c.left.Add(-1) })
	return c.Conn.Close()
}

// Connections are those to the server that are open. Any goroutine.
func (r *Remote) Connections() int { return int(r.connections.Load()) }

// CallOf is the call on whose stream the server's request with this id came; false: it came on none. Any goroutine.
func (r *Remote) CallOf(id []byte) (call uint64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	call, ok = r.asked[string(id)]
	return call, ok
}

// message is a line of the mount's.
type message struct {
	line   []byte
	env    codec.Envelope
	method string
	id     uint64 // of a request
}

// write gives the mount a line. What it has of line breaks becomes spaces.
func (r *Remote) write(text []byte) {
	r.writing.Lock()
	defer r.writing.Unlock()
	line := append(codec.AppendOneLine(make([]byte, 0, len(text)+1), text), '\n') // one at a time
	_, _ = r.conn.Write(line)                                                     // an end is seen by who reads
}

// now is the session at hand.
func (r *Remote) now() session {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.session
}

// parseID reads an id of the mount's.
func parseID(token []byte) (id uint64, ok bool) {
	for _, c := range token {
		if c < '0' || c > '9' {
			return 0, false
		}
		id = id*10 + uint64(c-'0')
	}
	return id, len(token) > 0 && len(token) < 19
}

// isModern says whether a message is of the modern era.
func (m *message) isModern() bool { return m.env.ProtocolVersion.Present() }

// sameID says whether a response answers the request.
func (m *message) sameID(id []byte) bool { return bytes.Equal(id, m.env.ID.Of(m.line)) }
