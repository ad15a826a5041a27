package reactor

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"weir/backpressure"
	"weir/registry"
)

// FuzzConnection sends arbitrary bytes to a server that runs, or to one that asks for tokens: over each transport,
// cut in two anywhere, with an orderly end or a reset. Whatever they are, the connection ends soon after the peer
// ended it, and others are served meanwhile.
func FuzzConnection(f *testing.F) {
	line := hello + "\n" + toolCall("1", "echo", `{"message":"x"}`) + toolCall("2", "sleep", `{"ms":1}`)
	batch := strings.Replace(hello, "2025-11-25", "2025-03-26", 1) + "\n[" +
		strings.TrimSpace(toolCall("1", "echo", `{"message":"x"}`)) + `,{"jsonrpc":"2.0","id":2,"method":"ping"}]` + "\n"
	web := modernCall("1", "sleep", `{"ms":1}`) + modernCall("2", "echo", `{"message":"x"}`) + postDiscover() +
		"DELETE /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n"
	chunks := "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n0\r\n\r\n"
	socket := clientFrame(hello) + "\x01\x83\x00\x00\x00\x00{\"j" + "\x89\x81\x00\x00\x00\x00p" +
		"\x80\x81\x00\x00\x00\x00}" + closeFrame(1000)
	for how := range uint8(4) {
		f.Add(uint8(0), how, uint16(100), []byte(line))
		f.Add(uint8(0), how, uint16(200), []byte(batch))
		f.Add(uint8(1), how, uint16(300), []byte(web))
		f.Add(uint8(1), how, uint16(90), []byte(chunks))
		f.Add(uint8(1), how, uint16(0), []byte(web+upgradeRequest+socket))
		f.Add(uint8(2), how, uint16(7), []byte(socket))
		f.Add(uint8(0), how|4, uint16(9), []byte(bearing("alice")+"\n"+line))
		f.Add(uint8(0), how|4, uint16(100), []byte(line))
		f.Add(uint8(1), how|4, uint16(60), []byte(postDiscover(bearing("alice"))+postDiscover(bearing("bob"))+chunks))
	}
	quick := func(o *Options, b *backpressure.Options, _ *registry.Options) {
		o.MessageTimeout, o.IdleTimeout, o.LingerTimeout = 300*time.Millisecond, 300*time.Millisecond, 100*time.Millisecond
		o.FirstByteTimeout, o.LineIdleTimeout, o.PingInterval = 300*time.Millisecond, 300*time.Millisecond, 150*time.Millisecond
		o.Auth.Timeout = 300 * time.Millisecond
		b.MaxWaitingPerConnection = 8
	}
	anybody, known := start(f, quick), start(f, quick, guarded)
	f.Fuzz(func(t *testing.T, transport, how uint8, cut uint16, sent []byte) {
		listener := "tcp"
		if transport %= 3; transport > 0 {
			listener = "http"
		}
		s, token := anybody, ""
		if how&4 != 0 {
			s, token = known, bearing("bob")+"\n"
		}
		p, err := s.connect(listener)
		must(t, err)
		defer p.Close()
		p.t = t
		if transport == 2 {
			sent = append([]byte(upgradeRequest), sent...)
		}
		at := min(int(cut), len(sent))
		go func() { // the server may stop reading at any time
			_, _ = p.Write(sent[:at])
			_, _ = p.Write(sent[at:])
			if how&1 == 0 {
				_ = p.Conn.(*net.TCPConn).CloseWrite()
			}
		}()
		if how&2 != 0 {
			_ = p.Conn.(*net.TCPConn).SetLinger(0)
			_, _ = io.CopyN(io.Discard, p.r, 20)
			p.Close()
		} else {
			p.gone()
		}
		(&server{t: t}).eventually("others are served", func() bool { // who is too late to speak comes again
			other, err := s.connect("tcp")
			must(t, err)
			defer other.Close()
			_, _ = io.WriteString(other.Conn, token+pingLine)
			answer, _ := other.r.ReadString('\n')
			return strings.Contains(answer, `"id":1,"result":{}`)
		})
	})
}
