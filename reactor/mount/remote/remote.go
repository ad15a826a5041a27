package remote

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"weir/codec"
	"weir/reactor/mount/reason"
)

// Begin makes the connection; fd is the mount's end, which is the caller's.
func Begin(c Config) (r *Remote, fd int, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, -1, fmt.Errorf("make a socket pair: %w", err)
	}
	ours := os.NewFile(uintptr(pair[1]), "mount")
	defer ours.Close() // FileConn has a descriptor of its own
	conn, err := net.FileConn(ours)
	if err != nil {
		_ = unix.Close(pair[0])
		return nil, -1, fmt.Errorf("make a connection: %w", err)
	}
	r = &Remote{c: c, conn: conn, calls: map[uint64]context.CancelFunc{}, asked: map[string]uint64{},
		passing: make(chan struct{}, 2), waiting: make(chan struct{}, maxWaiting)}
	if c.TokenFile != "" {
		r.token = &tokenFile{path: c.TokenFile}
	}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	r.transport = &http.Transport{
		Proxy:             http.ProxyFromEnvironment,
		ForceAttemptHTTP2: true,
		MaxConnsPerHost:   c.MaxConnections, MaxIdleConnsPerHost: c.MaxConnections,
		// Many servers end a connection that was idle for 5 s (Node), and a request that meets that end is lost.
		IdleConnTimeout:        4 * time.Second,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			r.connections.Add(1)
			return &counted{Conn: conn, left: &r.connections}, nil
		},
	}
	return r, pair[0], nil
}

// Start serves the mount's lines until the connection ends.
func (r *Remote) Start() { r.running.Go(r.serve) }

// End ends all that is under way, and returns when nothing is left. Without Start, too.
func (r *Remote) End() {
	r.cancel()
	r.conn.Close()
	r.running.Wait()
	r.transport.CloseIdleConnections()
}

func (r *Remote) serve() {
	defer r.goodbye()
	defer r.conn.Close()
	in := bufio.NewReaderSize(r.conn, 64<<10)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		m := &message{line: line[:len(line)-1]}
		limits := codec.JSONLimits{MaxDepth: 1000, MaxMembers: 1 << 20, MaxIDBytes: 1 << 10} // it was checked when it came
		if codec.Scan(m.line, &m.env, &limits) != nil {
			continue // none that a mount writes
		}
		method, _ := codec.StringOf(m.env.Method.Of(m.line))
		m.method = string(method)
		switch {
		case m.env.Kind == codec.KindRequest:
			m.id, _ = parseID(m.env.ID.Of(m.line))
			ctx, cancel := context.WithCancel(r.ctx)
			r.mu.Lock()
			r.calls[m.id] = cancel
			r.mu.Unlock()
			do := r.request
			if m.method == "subscriptions/listen" {
				do = r.subscribe
			}
			r.running.Go(func() { do(ctx, cancel, m) })
		case m.method == "notifications/initialized": // what comes next must not overtake it
			r.say(m)
			r.listen()
		case m.method == "notifications/cancelled":
			r.inPassing(func() { r.takeBack(m, true) }, func() { r.takeBack(m, false) })
		default:
			r.inPassing(func() { r.say(m) }, func() {})
		}
	}
}

// inPassing has something said on a goroutine of its own; instead, when so much waits already that the server does not
// take it.
func (r *Remote) inPassing(say, instead func()) {
	select {
	case r.waiting <- struct{}{}:
		r.running.Go(func() {
			defer func() { <-r.waiting }()
			say()
		})
	default:
		r.c.Met(reason.LimitPassing)
		instead()
	}
}

// takeBack cancels a request: in the legacy era the server is told first, in the modern one the end of the stream says
// it. Without tell the server only sees the request's connection end.
func (r *Remote) takeBack(m *message, tell bool) {
	id, ok := parseID(m.env.RequestID.Of(m.line))
	r.mu.Lock()
	cancel := r.calls[id]
	legacy := r.session.greeting != nil
	r.mu.Unlock()
	if ok && legacy && tell {
		r.say(m)
	}
	if cancel != nil {
		cancel()
	}
}

// say posts what has no answer: a notification, or an answer to the server.
func (r *Remote) say(m *message) {
	select {
	case r.passing <- struct{}{}:
		defer func() { <-r.passing }()
	case <-r.ctx.Done():
		return
	}
	if m.env.Kind == codec.KindResponse {
		r.mu.Lock()
		delete(r.asked, string(m.env.ID.Of(m.line)))
		r.mu.Unlock()
	}
	ctx, cancel := context.WithTimeout(r.ctx, r.c.Patience)
	defer cancel()
	response, f := r.post(ctx, m, r.now())
	if f == nil {
		drain(response)
	}
}

// parting is how long a server is given to hear that its session is over.
const parting = time.Second

// goodbye ends the session, and all that is under way.
func (r *Remote) goodbye() {
	s := r.now()
	r.cancel()
	if s.id == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), parting)
	defer cancel()
	request, f := r.newRequest(ctx, http.MethodDelete, nil, s)
	if f != nil {
		return
	}
	if response, err := r.transport.RoundTrip(request); err == nil {
		drain(response)
	}
}
