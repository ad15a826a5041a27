package loadtest

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/gobwas/ws"
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
		answer := echo(string(body))
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
			answer := echo(string(frame.Payload))
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
	f := func(name, address string, transport Transport, window int) {
		t.Helper()
		fleet := testFleet(t, func(o *Options) {
			o.Address, o.Transport, o.Window, o.CallsPerConnection = address, transport, window, 200
		})
		ctx := within(t)
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
	f("json", httpServer(t, false), HTTP, 1)
	f("json, pipelined", httpServer(t, false), HTTP, 16)
	f("stream", httpServer(t, true), HTTP, 1)
	f("websocket", webSocketServer(t), WebSocket, 1)
	f("websocket, many", webSocketServer(t), WebSocket, 16)
}

// A server that is full says so in the transport's own way, before or instead of any answer.
func TestFleetIsTurnedAwayByStatus(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, `{"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":"full","data":{"reason":"connection_limit"}}}`)
	}))
	defer s.Close()
	for _, transport := range []Transport{HTTP, WebSocket} {
		fleet := testFleet(t, func(o *Options) { o.Address, o.Transport = s.Listener.Addr().String(), transport })
		err := fleet.Open(within(t), 2)
		if c := fleet.Counters(); err == nil || c.Turned["connection_limit"] != 2 {
			t.Errorf("%v: %v: %+v", transport, err, c)
		}
		fleet.Close()
	}
}
