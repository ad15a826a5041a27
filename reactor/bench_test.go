package reactor

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"

	"weir/backpressure"
	"weir/codec/websocket"
	"weir/registry"
)

// refuser is a connection whose queue is full; once sends it one more call, as the loop sees it, and takes the refusal
// off its hands.
func refuser(t testing.TB, name string, size int) (once func()) {
	t.Helper()
	b := bareServer(t, false, func(_ *Options, b *backpressure.Options, _ *registry.Options) {
		b.MaxWaitingPerConnection = 1
	})
	pad := strings.Repeat("x", size)
	var c *conn
	var peer int
	var frame []byte
	switch name {
	case "line":
		c, peer = b.connect(newLine())
		b.write(peer, hello+"\n"+toolCall("1", "echo", `{"message":""}`))
		frame = []byte(toolCall("2", "echo", `{"message":"`+pad+`"}`))
	case "websocket":
		c, peer = b.connect(new(wsTransport))
		b.write(peer, clientFrame(hello)+clientFrame(strings.TrimSpace(toolCall("1", "echo", `{"message":""}`))))
		frame = []byte(clientFrame(strings.TrimSpace(toolCall("2", "echo", `{"message":"`+pad+`"}`))))
	case "http":
		c, peer = b.connect(newHTTP())
		b.write(peer, modernCall("1", "echo", `{"message":""}`))
		// The call that waits is first in line; without it the refusals can leave, and the queue is as full.
		c.transport = newHTTP()
		c.AddPending(-1)
		frame = []byte(modernCall("2", "echo", `{"message":"`+pad+`"}`))
	}
	b.read(peer)
	input, answers := make([]byte, 0, len(frame)+16), make([]byte, 64<<10)
	refused := func() {
		input = append(input[:0], frame...) // decoders write to what they read
		if used := c.transport.decode(b.in, c, input); used != len(frame) {
			t.Fatalf("%d of %d bytes were used", used, len(frame))
		}
		b.in.flush(c)
	}
	refused()
	contains(t, b.read(peer), `"id":2,`, `"reason":"connection_queue_full"`, `"executed":false`)
	return func() {
		refused()
		if n, err := unix.Read(peer, answers); n < 100 || err != nil {
			t.Fatalf("%d bytes of an answer: %v", n, err)
		}
	}
}

// OVERLOAD: a refusal costs two allocations at most, and none of its costs grow with the message.
func TestRefusalAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("allocations are not counted under the race detector")
	}
	for _, name := range []string{"line", "websocket", "http"} {
		for _, size := range []int{10, 100_000} {
			t.Run(fmt.Sprintf("%s %d", name, size), func(t *testing.T) {
				once := refuser(t, name, size)
				if n := testing.AllocsPerRun(200, once); n > 2 {
					t.Errorf("a refusal makes %.1f allocations", n)
				} else {
					t.Logf("%.1f allocations", n)
				}
			})
		}
	}
}

func benchmarkRefusal(b *testing.B, name string) {
	for _, size := range []int{10, 100_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			once := refuser(b, name, size)
			b.ReportAllocs()
			for b.Loop() {
				once()
			}
		})
	}
}

func BenchmarkRefusalLine(b *testing.B)      { benchmarkRefusal(b, "line") }
func BenchmarkRefusalWebSocket(b *testing.B) { benchmarkRefusal(b, "websocket") }
func BenchmarkRefusalHTTP(b *testing.B)      { benchmarkRefusal(b, "http") }

// BenchmarkEcho is one client on the loopback that keeps depth calls under way.
func BenchmarkEcho(b *testing.B) {
	f := func(transport string, depth int) {
		b.Run(fmt.Sprintf("%s/%d", transport, depth), func(b *testing.B) {
			s := start(b, patient)
			send, receive := s.echoer(transport)
			b.ReportAllocs()
			b.ResetTimer()
			for sent, done := 0, 0; done < b.N; {
				n := min(depth, b.N-sent)
				send(sent, n)
				sent += n
				for ; done < sent; done++ {
					receive()
				}
			}
		})
	}
	for _, transport := range []string{"tcp", "websocket", "http"} {
		f(transport, 1)
		f(transport, 64)
	}
}

// appendShortFrame appends one masked text frame of fewer than 126 bytes; it allocates nothing that would be measured.
func appendShortFrame(buf, text []byte) []byte {
	mask := [4]byte{1, 2, 3, 4}
	buf = append(append(buf, 0x80|websocket.OpText, 0x80|byte(len(text))), mask[:]...)
	from := len(buf)
	buf = append(buf, text...)
	ws.Cipher(buf[from:], mask, 0)
	return buf
}

// echoer returns how to send n calls with ids from from on, and how to read one answer.
func (s *server) echoer(transport string) (send func(from, n int), receive func()) {
	var p *peer
	var buf []byte
	write := func() {
		_, err := p.Write(buf)
		must(s.t, err)
		buf = buf[:0]
	}
	call := func(id int) []byte {
		return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"echo","arguments":{"message":"hello"}}}`, id)
	}
	switch transport {
	case "tcp":
		p = s.dial("tcp").greet()
		return func(from, n int) {
				for i := range n {
					buf = append(append(buf, call(from+i)...), '\n')
				}
				write()
			}, func() {
				if _, err := p.r.ReadSlice('\n'); err != nil {
					s.t.Fatal(err)
				}
			}
	case "websocket":
		p = s.websocket()
		p.text(hello)
		p.received()
		return func(from, n int) {
				for i := range n {
					buf = appendShortFrame(buf, call(from+i))
				}
				write()
			}, func() {
				head, err := p.r.Peek(2)
				must(s.t, err)
				n := 2 + int(head[1])
				if head[1] == 126 {
					head, err = p.r.Peek(4)
					must(s.t, err)
					n = 4 + int(head[2])<<8 + int(head[3])
				}
				_, err = p.r.Discard(n)
				must(s.t, err)
			}
	}
	p = s.dial("http")
	session := p.session()
	return func(from, n int) {
			for i := range n {
				buf = append(buf, post(string(call(from+i)), session)...)
			}
			write()
		}, func() {
			length := 0
			for {
				line, err := p.r.ReadSlice('\n')
				must(s.t, err)
				if len(line) == 2 {
					break
				}
				_, _ = fmt.Sscanf(string(line), "Content-Length: %d", &length)
			}
			_, err := io.CopyN(io.Discard, p.r, int64(length))
			must(s.t, err)
		}
}
