package reactor

import (
	"bytes"
	"strings"
	"testing"

	"weir/backpressure"
	"weir/registry"
)

// TestLimitsAreNamed: who is above a limit reads the size, the limit and the key.
func TestLimitsAreNamed(t *testing.T) {
	s := start(t)
	f := func(status int, request string, parts ...string) {
		t.Helper()
		p := s.dial("http")
		r, body := p.exchange(request)
		if r.StatusCode != status {
			t.Error(r.Status)
		}
		contains(t, body, parts...)
	}
	f(413, head("POST", "/mcp", "Content-Type: application/json", "Content-Length: 5242880"), "5242880",
		"messages.http.max_body_bytes is 1048576")
	f(413, head("POST", "/mcp", "Content-Type: application/json", "Transfer-Encoding: chunked")+"500000\r\n",
		"messages.http.max_body_bytes is 1048576")
	f(414, head("POST", "/"+strings.Repeat("x", 9000)), "messages.http.max_request_line_bytes is 8000")
	f(431, head("POST", "/mcp", "X: "+strings.Repeat("x", 5000)), "messages.http.max_header_value_bytes is 4096",
		"messages.http.max_header_bytes is 32768")
	f(431, head("POST", "/mcp", strings.Repeat("A: b\r\n", 200)+"A: b"), "messages.http.max_headers is 100")
	p := s.dial("tcp")
	p.send(strings.Repeat("x", 1<<20+1) + "\n")
	contains(t, p.line(), "messages.line.max_message_bytes, which is 1048576", "this connection ends here")
	w := s.websocket()
	w.text(strings.Repeat("x", 1<<20+1))
	got := string(w.received().Payload)
	contains(t, got, "message_too_large: messages.websocket.max_message_bytes is 1048576, max_fragments 64")
}

// TestLargeBodies: 16 MiB, for those who configure it, on every transport.
func TestLargeBodies(t *testing.T) {
	s := start(t, func(o *Options, b *backpressure.Options, r *registry.Options) {
		o.Messages.HTTP.MaxBodyBytes, o.Messages.Line.MaxMessageBytes = 17<<20, 17<<20
		o.Messages.WebSocket.MaxMessageBytes = 17 << 20
		b.MaxWaitingBytesPerConnection, r.MaxResultBytes = 17<<20, 17<<20
	})
	message := `{"message":"` + strings.Repeat("x", 16<<20) + `"}`
	answered := func(name string, b []byte) {
		t.Helper()
		if !bytes.Contains(b, []byte(`"result"`)) || len(b) < 16<<20 {
			t.Errorf("%s: %d bytes: %.200s", name, len(b), b)
		}
	}
	p := s.dial("http")
	go p.send(modernCall("1", "echo", message))
	_, body := p.response()
	answered("http", []byte(body))
	p = s.dial("tcp").greet()
	go p.send(toolCall("1", "echo", message))
	answered("line", []byte(p.line()))
	w := s.websocket()
	w.text(hello)
	w.received()
	w.text(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	go w.text(strings.TrimSpace(toolCall("1", "echo", message)))
	answered("websocket", w.received().Payload)
	o := DefaultOptions()
	o.Messages.HTTP.MaxBodyBytes, o.MaxInputTotalBytes = 16<<20, 31<<20
	if errs := o.Validate(); len(errs) != 1 || !strings.Contains(errs[0].Error(), "max_input_total_bytes") {
		t.Errorf("a body that can never be read to its end: %v", errs)
	}
}
