package reactor

import (
	"fmt"
	"io"
	"testing"

	"github.com/gobwas/ws"

	"weir/codec/websocket"
)

// BenchmarkEcho is one client on the loopback that keeps depth calls under way.
func BenchmarkEcho(b *testing.B) {
	f := func(transport string, depth int) {
		b.Run(fmt.Sprintf("%s/%d", transport, depth), func(b *testing.B) {
			s := start(b)
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
