package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"weir/backpressure"
	"weir/cmd/exposition"
	"weir/reactor/auth"
)

// The admin listener is plain net/http on purpose: it shares nothing with the loops, so it answers when they cannot.
// Its readers are operators and scrapers, never MCP clients.

// Bounds of the admin listener. None is configuration: nobody tunes them, and each only keeps a mistake small.
const (
	adminConnections  = 64               // at once; the next waits in the kernel's backlog
	adminHeaderTime   = 5 * time.Second  // to send a request's head
	adminWriteTime    = 2 * time.Minute  // to take an answer; a CPU profile takes its own length first
	adminIdleTime     = 90 * time.Second // between requests: longer than a scrape interval of a minute
	adminHeaderBytes  = 16 << 10
	adminCloseTimeout = time.Second // for answers under way when the process ends
)

// adminSource is what the admin listener shows. Its functions are called from any goroutine.
type adminSource struct {
	metrics *metrics.Set
	status  func() any           // marshalled as JSON
	alerts  func() any           // the same
	refusal func() (word string) // why new work is turned away; "" when the server is ready
	admins  func() *auth.Tokens  // who may read more than health; nil: everybody
}

// admin is a running admin listener.
type admin struct {
	server http.Server
	done   chan struct{} // closed when Serve returned
}

// adminHandler routes and guards; hosts are the names beside localhost and IP addresses that a request may address.
func adminHandler(source adminSource, hosts []string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		var samples bytes.Buffer
		source.metrics.WritePrometheus(&samples)
		metrics.WriteProcessMetrics(&samples)
		w.Header().Set("Content-Type", exposition.ContentType)
		w.Write(exposition.Page(samples.Bytes()))
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "alive"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if word := source.refusal(); word != "" {
			status := http.StatusServiceUnavailable
			if word == backpressure.Draining.String() { // what HAProxy's disable-on-404 takes for an end in order
				status = http.StatusNotFound
			}
			writeJSON(w, status, map[string]string{"status": "refusing", "reason": word})
			return
		}
		writeJSON(w, http.StatusOK, map[string]string{"status": "ready"})
	})
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, source.status())
	})
	mux.HandleFunc("GET /alerts", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{"alerts": source.alerts()})
	})
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A page in the operator's browser may point a name of its own at this address (DNS rebinding), or simply ask
		// for a 30 s profile in an image tag. Neither passes for a scraper.
		if !knownHost(r.Host, hosts) {
			writeJSON(w, http.StatusForbidden, map[string]string{"reason": "host_not_allowed"})
			return
		}
		if r.Header.Get("Sec-Fetch-Site") == "cross-site" {
			writeJSON(w, http.StatusForbidden, map[string]string{"reason": "cross_site"})
			return
		}
		if admins := source.admins(); admins != nil && r.URL.Path != "/healthz" && r.URL.Path != "/readyz" {
			_, refusal := admins.Identify([]byte(r.Header.Get("Authorization")), time.Now().Unix())
			if refusal != auth.Good {
				w.Header().Set("WWW-Authenticate", "Bearer") // RFC 9110 11.6.1
				writeJSON(w, http.StatusUnauthorized, map[string]string{"reason": refusal.String(),
					"hint": "send Authorization: Bearer and a token of admin_tokens_file"})
				return
			}
		}
		mux.ServeHTTP(w, r)
	})
}

// knownHost accepts localhost, IP addresses as such (a rebound name never is one), and the configured names.
func knownHost(header string, hosts []string) bool {
	host := bytes.TrimSuffix(auth.Hostname([]byte(header)), []byte("."))
	if _, err := netip.ParseAddr(string(host)); err == nil || auth.IsLoopback(host) {
		return true
	}
	return slices.ContainsFunc(hosts, func(allowed string) bool { return strings.EqualFold(allowed, string(host)) })
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.MarshalIndent(body, "", "  ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(append(text, '\n')) // a reader that went away is its own loss
}

// startAdmin serves handler on listener until stop.
func startAdmin(listener net.Listener, handler http.Handler) *admin {
	a := &admin{
		server: http.Server{
			Handler:           handler,
			ReadHeaderTimeout: adminHeaderTime,
			ReadTimeout:       adminHeaderTime,
			WriteTimeout:      adminWriteTime,
			IdleTimeout:       adminIdleTime,
			MaxHeaderBytes:    adminHeaderBytes,
		},
		done: make(chan struct{}),
	}
	go func() {
		defer close(a.done)
		a.server.Serve(newLimitListener(listener, adminConnections)) // its error is ErrServerClosed: only stop ends it
	}()
	return a
}

// stop lets answers under way finish for a moment, then closes; it returns when every goroutine of the listener ended.
func (a *admin) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), adminCloseTimeout)
	defer cancel()
	if a.server.Shutdown(ctx) != nil {
		a.server.Close()
	}
	<-a.done
}

// limitListener holds at most cap(slots) connections: past that it does not accept, and the kernel's backlog holds the
// rest. Safe for concurrent use, as net.Listener is.
type limitListener struct {
	net.Listener
	slots  chan struct{}
	closed chan struct{}
	once   sync.Once
}

func newLimitListener(inner net.Listener, limit int) *limitListener {
	return &limitListener{Listener: inner, slots: make(chan struct{}, limit), closed: make(chan struct{})}
}

func (l *limitListener) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &limitedConn{Conn: conn, slots: l.slots}, nil
}

func (l *limitListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// limitedConn gives its slot back once, however often it is closed.
type limitedConn struct {
	net.Conn
	slots chan struct{}
	once  sync.Once
}

func (c *limitedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { <-c.slots })
	return err
}
