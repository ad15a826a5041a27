package client

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/gobwas/ws"

	"weir/loadtest/internal/fixture"
	"weir/loadtest/wire"
)

// httpServer serves the echo over streamable HTTP with sessions; stream makes it answer with event streams.
func httpServer(t *testing.T, stream bool) string {
	const session = "a-session"
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		first := strings.Contains(string(body), `"method":"initialize"`)
		switch {
		case first:
			w.Header().Set("Mcp-Session-Id", session)
		case r.Header.Get("Mcp-Session-Id") != session:
			t.Errorf("without its session: %s", body)
		}
		answer := fixture.Echo(string(body))
		switch {
		case answer == "":
			w.WriteHeader(http.StatusAccepted)
		case stream:
			w.Header().Set("Content-Type", "text/event-stream")
			io.WriteString(w, "event: message\ndata: "+strings.TrimSpace(answer)+"\n\n")
			w.(http.Flusher).Flush()
		default:
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, answer)
		}
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// webSocketServer serves the echo over WebSocket and sends a ping before each answer.
func webSocketServer(t *testing.T) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	serve := func(conn net.Conn) {
		defer conn.Close()
		if _, err := ws.Upgrade(conn); err != nil {
			t.Error(err)
			return
		}
		for pongs := 0; ; {
			//lint:ignore SA1019 the frames are ours, not a hostile peer's
			frame, err := ws.ReadFrame(conn)
			if err != nil {
				return // the fleet has hung up
			}
			frame = ws.UnmaskFrame(frame)
			if frame.Header.OpCode == ws.OpPong {
				if pongs++; string(frame.Payload) != "are you there" {
					t.Errorf("pong %q", frame.Payload)
				}
				continue
			}
			answer := fixture.Echo(string(frame.Payload))
			if answer == "" {
				continue
			}
			ping := ws.MustCompileFrame(ws.NewPingFrame([]byte("are you there")))
			if _, err := conn.Write(append(ping, ws.MustCompileFrame(ws.NewTextFrame([]byte(answer)))...)); err != nil {
				return
			}
		}
	}
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { serve(conn) })
		}
	})
	t.Cleanup(func() { ln.Close(); wg.Wait() })
	return ln.Addr().String()
}

func TestFleetOnEveryTransport(t *testing.T) {
	f := func(name, address string, transport wire.Transport, window int) {
		t.Helper()
		fleet := testFleet(t, func(o *Options) {
			o.Address, o.Transport, o.Window, o.CallsPerConnection = address, transport, window, 200
		})
		ctx := fixture.Within(t)
		if err := fleet.Open(ctx, 4); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		fleet.Start()
		if err := fleet.Done(ctx); err != nil {
			t.Fatalf("%s: %v: %+v", name, err, fleet.Counters())
		}
		if c := fleet.Counters(); c.Check() != nil || c.Results != 800 || c.Open != 4 {
			t.Errorf("%s: %v: %+v", name, c.Check(), c)
		}
		fleet.Close()
	}
	f("json", httpServer(t, false), wire.HTTP, 1)
	f("json, pipelined", httpServer(t, false), wire.HTTP, 16)
	f("stream", httpServer(t, true), wire.HTTP, 1)
	f("websocket", webSocketServer(t), wire.WebSocket, 1)
	f("websocket, many", webSocketServer(t), wire.WebSocket, 16)
}

// A server that is full says so in the transport's own way, before or instead of any answer.
func TestFleetIsTurnedAwayByStatus(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, `{"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":"full",`+
			`"data":{"reason":"connection_limit"}}}`)
	}))
	defer s.Close()
	for _, transport := range []wire.Transport{wire.HTTP, wire.WebSocket} {
		fleet := testFleet(t, func(o *Options) { o.Address, o.Transport = s.Listener.Addr().String(), transport })
		err := fleet.Open(fixture.Within(t), 2)
		if c := fleet.Counters(); err == nil || c.TurnedAwayReasons["connection_limit"] != 2 {
			t.Errorf("%v: %v: %+v", transport, err, c)
		}
		fleet.Close()
	}
}

// Event streams are held open beside the load, and their events are counted.
func TestFleetHoldsStreams(t *testing.T) {
	release := make(chan struct{})
	letGo := sync.OnceFunc(func() { close(release) })
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodDelete:
			return
		case r.Method == http.MethodPost:
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			w.Header().Set("Mcp-Session-Id", "s")
			if answer := fixture.Echo(string(body)); answer != "" {
				io.WriteString(w, answer)
			} else {
				w.WriteHeader(http.StatusAccepted)
			}
			return
		case r.Header.Get("Mcp-Session-Id") != "s":
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for _, piece := range []string{"id: 1\ndata: {", "}\n\n", "data: {}\n\nid: 3\ndata: {}\n\n"} {
			io.WriteString(w, piece)
			w.(http.Flusher).Flush()
		}
		<-release
	}))
	defer s.Close()
	defer letGo() // before Close, which waits for the streams
	fleet := testFleet(t, func(o *Options) {
		o.Address, o.Transport, o.Stream = s.Listener.Addr().String(), wire.HTTP,
			true
	})
	ctx := fixture.Within(t)
	fleet.Hold(3)
	if err := fleet.await(ctx, func(l *loop) bool { return l.stats.Events == 9 }); err != nil {
		t.Fatalf("%v: %+v", err, fleet.Counters())
	}
	fleet.Hold(1)
	if err := fleet.Quiet(ctx); err != nil {
		t.Fatal(err)
	}
	if c := fleet.Counters(); c.Open != 1 || c.Ended[EndRetired] != 2 || c.Bad != 0 {
		t.Errorf("%+v", c)
	}
	letGo()
	if err := fleet.await(ctx, func(l *loop) bool { return l.stats.Ended[EndPeerClosed] > 0 }); err != nil {
		t.Fatalf("%v: %+v", err, fleet.Counters())
	}
}

// A session is deleted when its connection is retired.
func TestFleetSaysGoodbye(t *testing.T) {
	gone := make(chan string, 8)
	inner := httpServer(t, true)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			gone <- r.Header.Get("Mcp-Session-Id")
			return
		}
		again := r.Clone(r.Context())
		again.RequestURI, again.URL.Scheme, again.URL.Host = "", "http", inner
		answer, err := http.DefaultTransport.RoundTrip(again)
		if err != nil {
			t.Error(err)
			return
		}
		defer answer.Body.Close()
		w.Header().Set("Mcp-Session-Id", answer.Header.Get("Mcp-Session-Id"))
		w.Header().Set("Content-Type", answer.Header.Get("Content-Type"))
		w.WriteHeader(answer.StatusCode)
		if _, err := io.Copy(w, answer.Body); err != nil {
			t.Error(err)
		}
	}))
	defer s.Close()
	fleet := testFleet(t, func(o *Options) { o.Address, o.Transport = s.Listener.Addr().String(), wire.HTTP })
	ctx := fixture.Within(t)
	fleet.Hold(2)
	fleet.Start()
	if err := fleet.await(ctx, func(l *loop) bool { return l.stats.Open == 2 && l.stats.Results > 4 }); err != nil {
		t.Fatal(err)
	}
	fleet.Hold(0)
	if err := fleet.Quiet(ctx); err != nil {
		t.Fatal(err)
	}
	c := fleet.Counters()
	if c.Check() != nil || c.Lost != 0 || c.Ended[EndRetired] != 2 || len(gone) != 2 || <-gone != "a-session" {
		t.Errorf("%v: %+v", c.Check(), c)
	}
}
