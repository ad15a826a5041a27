package reactor

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"weir/backpressure"
	"weir/backpressure/pressure"
	"weir/reactor/loop"
	"weir/registry"
)

// websocket opens a WebSocket connection.
func (s *server) websocket() *peer {
	s.t.Helper()
	return s.websocketAt("/mcp")
}

func (s *server) websocketAt(path string, headers ...string) *peer {
	s.t.Helper()
	p := s.dial("http")
	p.send("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + strings.Join(append(headers, ""), "\r\n") +
		"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chat, mcp\r\n\r\n")
	head := ""
	for !strings.HasSuffix(head, "\r\n\r\n") {
		head += p.line() + "\n"
	}
	contains(s.t, head, "101 Switching Protocols", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "Sec-WebSocket-Protocol: mcp")
	return p
}

func (p *peer) frame(f ws.Frame) {
	p.t.Helper()
	must(p.t, ws.WriteFrame(p.Conn, ws.MaskFrame(f)))
}

func (p *peer) text(message string) { p.frame(ws.NewTextFrame([]byte(message))) }

// readFrame reads one of the server's frames, whose length may be believed.
func readFrame(r io.Reader) (ws.Frame, error) {
	header, err := ws.ReadHeader(r)
	if err != nil {
		return ws.Frame{}, err
	}
	payload := make([]byte, header.Length)
	_, err = io.ReadFull(r, payload)
	return ws.Frame{Header: header, Payload: payload}, err
}

// received reads one frame.
func (p *peer) received() ws.Frame {
	p.t.Helper()
	f, err := readFrame(p.r)
	if err != nil {
		p.t.Fatalf("read a frame: %v", err)
	}
	return f
}

func (p *peer) receivedClose() ws.StatusCode {
	p.t.Helper()
	f := p.received()
	if f.Header.OpCode != ws.OpClose {
		p.t.Fatalf("got opcode %x %q, want a close frame", f.Header.OpCode, f.Payload)
	}
	code, _ := ws.ParseCloseFrameData(f.Payload)
	return code
}

func TestWebSocket(t *testing.T) {
	s := start(t)
	p := s.websocket()
	p.text(hello)
	contains(t, string(p.received().Payload), "2025-11-25")
	p.text(strings.TrimSpace(toolCall("1", "echo", `{"message":"`+strings.Repeat("long ", 20_000)+`"}`)))
	contains(t, string(p.received().Payload), `"id":1`, "long long")
	p.frame(ws.NewFrame(ws.OpText, false, []byte(`{"jsonrpc":"2.0",`)))
	p.frame(ws.NewPingFrame([]byte("are you there")))
	p.frame(ws.NewFrame(ws.OpContinuation, true, []byte(`"id":2,"method":"ping"}`)))
	if pong := p.received(); pong.Header.OpCode != ws.OpPong || string(pong.Payload) != "are you there" {
		t.Errorf("got %x %q", pong.Header.OpCode, pong.Payload)
	}
	contains(t, string(p.received().Payload), `"id":2,"result":{}`)
	p.frame(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNormalClosure, "bye")))
	if code := p.receivedClose(); code != ws.StatusNormalClosure {
		t.Errorf("closed with %d", code)
	}
	p.rest()
	p.Close()
	s.closedFor(loop.CloseRequested, "1")
}

func TestWebSocketFirstFrameWithTheHandshake(t *testing.T) {
	s := start(t)
	p := s.dial("http")
	var frame bytes.Buffer
	must(t, ws.WriteFrame(&frame, ws.MaskFrame(ws.NewTextFrame([]byte(`{"jsonrpc":"2.0","id":1,"method":"ping"}`)))))
	p.send("GET /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" + frame.String())
	for p.line() != "\r" {
	}
	contains(t, string(p.received().Payload), `"id":1,"result":{}`)
}

func TestWebSocketViolations(t *testing.T) {
	s := start(t, func(o *Options, _ *backpressure.Options, _ *registry.Options) {
		o.Messages.WebSocket.MaxMessageBytes = 2048
	})
	f := func(name string, code ws.StatusCode, frames ...ws.Frame) {
		t.Run(name, func(t *testing.T) {
			p := s.websocket()
			p.t = t
			for _, frame := range frames {
				p.frame(frame)
			}
			if got := p.receivedClose(); got != code {
				t.Errorf("closed with %d, want %d", got, code)
			}
			_, err := io.Copy(io.Discard, p.r)
			must(t, err)
		})
	}
	f("binary", ws.StatusUnsupportedData, ws.NewBinaryFrame([]byte("x")))
	f("bad UTF-8", ws.StatusInvalidFramePayloadData, ws.NewTextFrame([]byte("\xff\xfe")))
	f("too large", ws.StatusMessageTooBig, ws.NewTextFrame(bytes.Repeat([]byte("x"), 4096)))
	f("continuation of nothing", ws.StatusProtocolError, ws.NewFrame(ws.OpContinuation, true, []byte("x")))
	t.Run("not masked", func(t *testing.T) {
		p := s.websocket()
		must(t, ws.WriteFrame(p.Conn, ws.NewTextFrame([]byte("{}"))))
		if got := p.receivedClose(); got != ws.StatusProtocolError {
			t.Errorf("closed with %d", got)
		}
	})
}

func TestWebSocketPingTimeout(t *testing.T) {
	s := start(t, func(o *Options, _ *backpressure.Options, _ *registry.Options) {
		o.PingInterval = 100 * time.Millisecond
	})
	p := s.websocket()
	if f := p.received(); f.Header.OpCode != ws.OpPing {
		t.Fatalf("got opcode %x, want a ping", f.Header.OpCode)
	}
	p.gone() // the ping stays unanswered
	s.closedFor(loop.ClosePingTimeout, "1")
}

// TestWebSocketPingsWhoWaits: a peer that waits for a slow call gets pings, so that no balancer cuts its connection, and
// is not closed for silence: it is our turn.
func TestWebSocketPingsWhoWaits(t *testing.T) {
	s := start(t, func(o *Options, _ *backpressure.Options, _ *registry.Options) {
		o.PingInterval = 100 * time.Millisecond
	})
	p := s.websocket()
	p.text(hello)
	p.received()
	p.text(strings.TrimSpace(toolCall("1", "stuck", `{}`)))
	s.awaitStuck()
	for range 3 {
		if f := p.received(); f.Header.OpCode != ws.OpPing {
			t.Fatalf("got opcode %x, want a ping", f.Header.OpCode)
		}
	}
	s.free()
	for f := p.received(); ; f = p.received() {
		if f.Header.OpCode == ws.OpText {
			contains(t, string(f.Payload), `"id":1`, "free")
			break
		}
	}
}

func TestWebSocketHandshakeIsChecked(t *testing.T) {
	s := start(t)
	f := func(name, change, to string, status int) {
		t.Run(name, func(t *testing.T) {
			p := s.dial("http")
			p.t = t
			request := "GET /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
				"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
			p.send(strings.Replace(request, change, to, 1))
			if r, _ := p.response(); r.StatusCode != status {
				t.Errorf("got %d, want %d", r.StatusCode, status)
			}
		})
	}
	f("from a page elsewhere", "Host: localhost\r\n", "Host: localhost\r\nOrigin: http://evil.example\r\n", 403)
	f("rebound name", "Host: localhost", "Host: evil.example", 403)
	f("old version", "Version: 13", "Version: 8", 426)
	f("short key", "dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ=", 400)
	f("another path", "/mcp", "/ws", 404)
}

// A peer that closes without a close frame is found out by a ping, and its calls are cancelled; one that closed only
// its sending side is answered.
func TestWebSocketPeerThatIsGone(t *testing.T) {
	s := start(t)
	open := func() *peer {
		p := s.websocket()
		p.text(hello)
		p.received()
		p.text(strings.TrimSpace(toolCall("1", "stuck", `{}`)))
		s.awaitStuck()
		return p
	}
	open().Close()
	s.closedFor(loop.ClosePeerReset, "1")
	s.eventually("its call ends", func() bool { return s.queue.Executing(backpressure.Blocking) == 0 })
	half := open()
	half.closeWrite()
	if f := half.received(); f.Header.OpCode != ws.OpPing {
		t.Errorf("got opcode %x, want a ping", f.Header.OpCode)
	}
	s.free()
	contains(t, string(half.received().Payload), `"id":1`)
}

// Under pressure an HTTP connection ends with its next answer. What has become a WebSocket connection goes on.
func TestWebSocketUnderPressure(t *testing.T) {
	s := start(t)
	s.SetPressure(pressure.State{Level: pressure.CloseAfterAnswer})
	p := s.websocket()
	for range 2 {
		p.text(strings.TrimSpace(pingLine))
		contains(t, string(p.received().Payload), `"result":{}`)
	}
}
