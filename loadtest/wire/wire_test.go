package wire

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

func testWire(t *testing.T, transport Transport, change func(*Options)) (Format, Options) {
	t.Helper()
	o := DefaultOptions()
	o.Address, o.Transport = "127.0.0.1:1", transport
	if change != nil {
		change(&o)
	}
	return NewFormat(&o), o
}

// Whatever the transport, what is sent is the body with its id.
func TestWrapKeepsTheBody(t *testing.T) {
	const want = 1234567890
	for _, transport := range []Transport{Line, WebSocket, HTTP} {
		for _, pad := range []int{0, 100, 300, 70_000} { // each length of a WebSocket header
			w, o := testWire(t, transport, func(o *Options) { o.PadBytes = pad })
			msgs, err := NewMessages(&o)
			if err != nil {
				t.Fatal(err)
			}
			tmpl := w.Wrap(msgs.Call, IDOffset(msgs.Call), []byte("the-session"))
			sent := tmpl.Append([]byte("before"), want)[len("before"):]
			body := strings.Replace(string(msgs.Call), "0000000000", strconv.Itoa(want), 1)
			var got []byte
			switch transport {
			case Line:
				got = bytes.TrimSuffix(sent, []byte("\n"))
			case WebSocket:
				//lint:ignore SA1019 the frames are ours, not a hostile peer's
				frame, err := ws.ReadFrame(bytes.NewReader(sent))
				if err != nil || !frame.Header.Masked || !frame.Header.Fin || frame.Header.OpCode != ws.OpText {
					t.Fatalf("%+v: %v", frame.Header, err)
				}
				got = ws.UnmaskFrame(frame).Payload
			case HTTP:
				head, rest, _ := bytes.Cut(sent, []byte("\r\n\r\n"))
				if !strings.Contains(string(head), "\r\nContent-Length: "+strconv.Itoa(len(rest))) ||
					!strings.Contains(string(head), "\r\nMcp-Session-Id: the-session\r\n") {
					t.Errorf("head %q", head)
				}
				got = rest
			}
			if string(got) != body {
				t.Errorf("%v, pad %d: sent %.300q, want %.300q", transport, pad, got, body)
			}
		}
	}
}

func TestModernRequestsRepeatTheBodyInHeaders(t *testing.T) {
	w, o := testWire(t, HTTP, func(o *Options) { o.Era = Modern })
	msgs, err := NewMessages(&o)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := w.Wrap(msgs.Call, IDOffset(msgs.Call), nil)
	for _, want := range []string{"MCP-Protocol-Version: 2026-07-28\r\n", "Mcp-Method: tools/call\r\n",
		"Mcp-Name: echo\r\n",
		`"io.modelcontextprotocol/protocolVersion":"2026-07-28"`} {
		if !strings.Contains(string(tmpl.Bytes), want) {
			t.Errorf("%q is missing in %q", want, tmpl.Bytes)
		}
	}
	if msgs.Greeting != nil || msgs.Initialized != nil {
		t.Errorf("a modern client greets: %q %q", msgs.Greeting, msgs.Initialized)
	}
}

// Each case is cut at every byte: a wire must find the same things however they arrive.
func TestNext(t *testing.T) {
	f := func(transport Transport, in string, want ...string) {
		t.Helper()
		for cut := range len(in) + 1 {
			w, _ := testWire(t, transport, nil)
			var got []string
			var d Decoder
			var b []byte
			broken := false
			for _, part := range []string{in[:cut], in[cut:]} {
				b = append(b, part...)
				for len(b) > 0 && !broken {
					a, n, err := w.Next(&d, b)
					if err != nil {
						got, broken = append(got, "error"), true
						break
					}
					if n == 0 && !a.Early {
						break
					}
					got = append(got, describe(a))
					b = b[n:]
				}
			}
			for more := !broken; more; {
				a, ok, err := w.End(&d, b)
				switch more = ok && a.Early; {
				case err != nil:
					got = append(got, "cut")
				case ok:
					got = append(got, describe(a))
				}
			}
			if strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("%v %q cut at %d: got %v, want %v", transport, in, cut, got, want)
				return
			}
		}
	}
	frame := func(op ws.OpCode, payload string) string {
		return string(ws.MustCompileFrame(ws.NewFrame(op, true, []byte(payload))))
	}
	long := strings.Repeat("x", 70_000)
	f(Line, "{}\n[]\r\n\n{", "message:{}", "message:[]", "nothing", "cut")
	f(WebSocket, frame(ws.OpText, "{}")+frame(ws.OpPing, "p")+frame(ws.OpPong, ""), "message:{}", "ping:p", "nothing")
	f(WebSocket, frame(ws.OpClose, "\x03\xf5connection_limit"), "close:connection_limit(1013)/last")
	f(WebSocket, frame(ws.OpText, long[:200])+frame(ws.OpText, long[:300]), "message:"+long[:200], "message:"+long[:300])
	f(WebSocket, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"+frame(ws.OpText,
		"{}"),
		"opened", "message:{}")
	f(WebSocket, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\n{}", "message:{}/503")
	f(WebSocket, "\x01\x00", "error")
	f(HTTP, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nMcp-Session-Id: s\r\n\r\n{}HTTP/1.1 202 "+
		"Accepted\r\nContent-Length: 0\r\n\r\n",
		"message:{}/200/s", "nothing/202")
	f(HTTP, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"+
		"1c\r\nevent: message\ndata: {\"a\":1}\r\n2\r\n\n\n\r\n0\r\n\r\n", `event:{"a":1}/200`, "nothing")
	events := ": hello\n\ndata: {\"a\":\ndata:  \"data: 1\\ndata:\"}\nid: 7\n\nevent: x\ndata:\n\n"
	f(HTTP, fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n%s", len(events),
		events),
		"event:{\"a\":\n \"data: 1\\ndata:\"}/200", "nothing")
	f(HTTP, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "+
		"2\r\n\r\n{}",
		"nothing", "nothing", "message:{}/200")
	f(HTTP, "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "error")
	f(HTTP, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}", "cut")
	f(HTTP, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "nothing/200/last")
	f(HTTP, "HTTP/1.0 200 OK\r\n\r\n\xef\xbb\xbf{}\n", "message:{}/200/last") // with a byte order mark
	f(HTTP, "HTTP/1.1 200 OK\r\nMcp-Session-Id: s\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\n\r\n"+
		"\xef\xbb\xbfdata:{\rdata\rdata:  }\r\r\ndata: []\n\nid: 1\ndata:\n\ndata: {}\n",
		"event:{\n\n }/200/s", "event:[]/200/s", "nothing/last")
	f(HTTP, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 12\r\n\r\ndata: {}\n: x",
		"nothing(an event stream without an event)/200")
	f(HTTP, "HTTP/1.1 308 \r\nLocation: /mcp/\r\nContent-Length: 0\r\n\r\n", "nothing(to /mcp/)/308")
	f(HTTP, "HTTP/1.1 200 \r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b",
		"nothing(in the coding gzip, and identity was asked for)/200")

	// The longest header, once: cutting it everywhere would take a minute.
	w, _ := testWire(t, WebSocket, nil)
	in := []byte(frame(ws.OpText, long))
	for _, n := range []int{1, 2, 9, len(in) - 1, len(in)} {
		a, used, err := w.Next(&Decoder{}, in[:n])
		if err != nil || (used > 0) != (n == len(in)) || used > 0 && string(a.Body) != long {
			t.Errorf("%d of %d bytes: used %d, %v", n, len(in), used, err)
		}
	}
}

func describe(a Arrival) string {
	s := [...]string{"message", "nothing", "opened", "ping", "close"}[a.Kind]
	if a.Kind == ArrivalOpened {
		return s
	}
	if a.Early {
		s = "event"
	}
	if len(a.Body) > 0 {
		s += ":" + string(a.Body)
	}
	if a.Said != "" {
		s += "(" + a.Said + ")"
	}
	if a.Status > 0 {
		s += "/" + strconv.Itoa(a.Status)
	}
	if len(a.Session) > 0 {
		s += "/" + string(a.Session)
	}
	if a.Last {
		s += "/last"
	}
	return s
}
