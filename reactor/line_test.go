package reactor

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"weir/backpressure"
	"weir/reactor/loop"
	"weir/registry"
)

func TestLinePing(t *testing.T) {
	s := start(t)
	p := s.dial("tcp")
	p.send(`{"jsonrpc":"2.0","id":1,"method":"ping"}` + "\r\n\r\n\n" + `{"jsonrpc":"2.0","id":"é","method":"ping"}` + "\n")
	for _, want := range []string{`{"jsonrpc":"2.0","id":1,"result":{}}`, `{"jsonrpc":"2.0","id":"é","result":{}}`} {
		if got := p.line(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// What editors and shells write besides: a byte order mark, lines of nothing.
func TestLineMarksAndBlanks(t *testing.T) {
	const mark = "\ufeff"
	ping := `{"jsonrpc":"2.0","id":1774232524389123456,"method":"ping"}` + "\n"
	want := `{"jsonrpc":"2.0","id":1774232524389123456,"result":{}}` + "\n"
	s := start(t)
	f := func(sent string, answers int) {
		t.Helper()
		p := s.dial("tcp")
		p.t = t
		p.send(sent)
		p.closeWrite()
		if got := p.rest(); got != strings.Repeat(want, answers) {
			t.Errorf("%q: %s", sent, got)
		}
	}
	f(mark+ping+"  \n\t\r\n"+ping, 2)
	f(mark+"\n"+ping+" ", 1)
	f("   \n"+mark, 0)
}

// A line that was cut inside its id is not answered in the name of another call.
func TestLineCutInItsID(t *testing.T) {
	s := start(t)
	for _, sent := range []string{`{"jsonrpc":"2.0","id":12` + "\n", `{"jsonrpc":"2.0","id":12`} {
		p := s.dial("tcp")
		p.t = t
		p.send(sent)
		p.closeWrite()
		contains(t, p.rest(), `"id":null`, `-32700`)
	}
}

// printf '...' | nc -N: the request and the end of the stream arrive together.
func TestHalfClosedPeerGetsItsAnswer(t *testing.T) {
	f := func(name, sent string, want ...string) {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			p := s.dial("tcp")
			p.send(sent)
			p.closeWrite()
			contains(t, p.rest(), want...)
			s.eventually("the connection is closed as the peer's doing", func() bool {
				return s.metric(`weir_connections_closed_total{reason="peer_closed"}`) == "1" ||
					s.metric(`weir_connections_closed_total{reason="peer_truncated"}`) == "1"
			})
		})
	}
	f("ping", `{"jsonrpc":"2.0","id":1,"method":"ping"}`+"\n", `{"jsonrpc":"2.0","id":1,"result":{}}`+"\n")
	f("without a newline", `{"jsonrpc":"2.0","id":1,"method":"ping"}`, `{"jsonrpc":"2.0","id":1,"result":{}}`+"\n")
	f("cut off", `{"jsonrpc":"2.0","id":1,"met`, `"code":-32700`)
	f("a queued call", hello+"\n"+toolCall("7", "sleep", `{"ms":30}`), `"id":7,"result"`)
}

func TestLineErrors(t *testing.T) {
	s := start(t)
	p := s.dial("tcp").greet()
	f := func(name, sent string, want ...string) {
		t.Run(name, func(t *testing.T) {
			p.t = t
			p.send(sent + "\n")
			contains(t, p.line(), want...)
		})
	}
	f("not JSON", `hello`, `"id":null`, `-32700`)
	f("binary", "\x00\x01\xff", `"id":null`, `-32700`)
	f("bad UTF-8", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xc3(\"}", `-32700`)
	f("duplicate key", `{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}`, `-32600`)
	f("case variant", `{"jsonrpc":"2.0","id":1,"Method":"ping"}`, `-32600`)
	f("null id", `{"jsonrpc":"2.0","id":null,"method":"ping"}`, `-32600`)
	f("unknown method", `{"jsonrpc":"2.0","id":3,"method":"nope"}`, `"id":3`, `-32601`)
	f("unknown tool", strings.TrimSpace(toolCall("4", "nope", `{}`)), `"id":4`, `-32602`)
	f("wrong arguments", strings.TrimSpace(toolCall("5", "echo", `{"message":5}`)), `"id":5`, `"isError":true`)
	f("a batch", `[{"jsonrpc":"2.0","id":1,"method":"ping"}]`, `-32600`)
	f("the connection is still good", strings.TrimSpace(toolCall("6", "echo", `{"message":"well"}`)), `"id":6`, `well`)
}

// TestLineIsNotHTTP: a page in a browser can POST to any port of this machine, and what it sends as the body must not
// be served as lines.
func TestLineIsNotHTTP(t *testing.T) {
	s := start(t)
	for _, request := range []string{"POST /mcp HTTP/1.1\r\n", "GET / HTTP/1.1\n", "POST /{} HTTP/1.0\r\n"} {
		p := s.dial("tcp")
		p.send(request + "Host: localhost\r\nContent-Type: text/plain\r\n\r\n" + `{"jsonrpc":"2.0","id":1,"method":"ping"}` +
			"\n")
		if got := p.rest(); strings.Count(got, "\n") != 1 || !strings.Contains(got,
			"HTTP is spoken on that of the key http") {
			t.Errorf("%q: %s", request, got)
		}
	}
	s.eventually("the connections are closed as bad requests", func() bool {
		return s.metric(`weir_connections_closed_total{reason="bad_request"}`) == "3"
	})
}

func TestLineTooLong(t *testing.T) {
	s := start(t, func(o *Options, _ *backpressure.Options,
		_ *registry.Options) {
		o.Messages.Line.MaxMessageBytes = 2048
	})
	p := s.dial("tcp").greet()
	p.send(toolCall("1", "sleep", `{"ms":20}`) + strings.Repeat("x", 5000))
	rest := p.rest()
	contains(t, rest, `"id":1,"result"`, `messages.line.max_message_bytes`)
	s.eventually("it is counted by name", func() bool {
		return s.metric(`weir_connections_closed_total{reason="message_too_large"}`) == "1"
	})
}

func TestDuplicateIDInFlight(t *testing.T) {
	s := start(t)
	p := s.dial("tcp").greet()
	p.send(toolCall("1", "stuck", `{}`))
	s.awaitStuck()
	p.send(toolCall("1", "echo", `{"message":"second"}`))
	contains(t, p.line(), `"id":1`, `-32600`)
	s.free()
	contains(t, p.line(), `"id":1`, `free`)
}

func TestCancelledCallIsNotAnswered(t *testing.T) {
	s := start(t)
	p := s.dial("tcp").greet()
	p.send(toolCall("1", "stuck", `{}`))
	s.awaitStuck()
	p.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}` + "\n" +
		`{"jsonrpc":"2.0","id":2,"method":"ping"}` + "\n")
	contains(t, p.line(), `"id":2`)
	s.eventually("the call is counted as dropped",
		func() bool { return s.metric(`weir_messages_dropped_total{reason="cancelled"}`) == "1" })
	p.send(`{"jsonrpc":"2.0","id":3,"method":"ping"}` + "\n")
	contains(t, p.line(), `"id":3`)
}

func TestDisconnectCancelsCalls(t *testing.T) {
	s := start(t)
	p := s.dial("tcp").greet()
	p.send(toolCall("1", "stuck", `{}`))
	s.awaitStuck()
	must(t, p.Conn.(interface{ SetLinger(int) error }).SetLinger(0))
	p.Close()
	s.eventually("the call ended without anybody freeing it",
		func() bool { return s.queue.Executing(backpressure.Blocking) == 0 })
	s.eventually("the reset is counted by name", func() bool {
		return s.metric(`weir_connections_closed_total{reason="peer_reset"}`) == "1"
	})
}

func TestBatchOf20250326(t *testing.T) {
	s := start(t)
	p := s.dial("tcp")
	p.send(strings.Replace(hello, "2025-11-25", "2025-03-26", 1) + "\n")
	p.line()
	p.send(`[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","method":"notifications/initialized"},` +
		strings.TrimSpace(toolCall("2", "echo", `{"message":"b"}`)) + `,{"jsonrpc":"2.0","id":3,"method":"nope"}]` + "\n")
	answer := p.line()
	contains(t, answer, `"id":1`, `"id":2`, `"id":3`, `-32601`)
	if answer[0] != '[' || answer[len(answer)-1] != ']' || strings.Count(answer, `"jsonrpc"`) != 3 {
		t.Errorf("not one array of three answers: %s", answer)
	}
	p.send("[]\n")
	contains(t, p.line(), `-32600`, `at least one`)
	p.send("[" + strings.Repeat(`{"jsonrpc":"2.0","method":"notifications/initialized"},`, 2) +
		`{"jsonrpc":"2.0","id":9,"method":"ping"}]` + "\n")
	contains(t, p.line(), `[{"jsonrpc":"2.0","id":9,"result":{}}]`)
	p.send("[" + strings.Repeat(`{"jsonrpc":"2.0","id":1,"method":"ping"},`, 100) +
		`{"jsonrpc":"2.0","id":9,"method":"ping"}]` + "\n")
	contains(t, p.line(), `-32600`, `max_jsonrpc_batch_messages`)
}

// Many connections, all with the same ids, pipelined and cut at odd places: every answer must reach its own connection.
func TestNoCrossedAnswers(t *testing.T) {
	s := start(t)
	const peers, calls = 50, 40
	done := make(chan error, peers)
	for i := range peers {
		p := s.dial([]string{"tcp", "tcp"}[i%2]).greet()
		go func() { done <- p.echoes(i, calls) }()
	}
	for range peers {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// echoes makes n pipelined calls, whose text names the peer, and checks every answer.
func (p *peer) echoes(peer, n int) error {
	var all strings.Builder
	for id := range n {
		all.WriteString(toolCall(fmt.Sprint(id), "echo", fmt.Sprintf(`{"message":"peer %d call %d;"}`, peer, id)))
	}
	go func() { // cut at odd places
		for text := all.String(); len(text) > 0; {
			cut := min(len(text), 97)
			if _, err := p.Write([]byte(text[:cut])); err != nil {
				return
			}
			text = text[cut:]
		}
	}()
	seen := map[string]bool{}
	for range n {
		answer, err := p.r.ReadString('\n')
		if err != nil {
			return err
		}
		var id int
		if _, err := fmt.Sscanf(answer, `{"jsonrpc":"2.0","id":%d,`, &id); err != nil {
			return fmt.Errorf("%s: %w", answer, err)
		}
		if want := fmt.Sprintf("peer %d call %d;", peer, id); !strings.Contains(answer, want) || seen[want] {
			return fmt.Errorf("peer %d got %s", peer, answer)
		} else {
			seen[want] = true
		}
	}
	return nil
}

// A peer that closed for good while its call runs is found out by the kernel's probes once its own kernel has forgotten
// the connection, and its call is cancelled; here after a second instead of a minute.
func TestLinePeerThatIsGone(t *testing.T) {
	if testing.Short() {
		t.Skip("the kernel's probes take five seconds")
	}
	t.Parallel()
	s := start(t)
	p := s.dial("tcp").greet()
	raw, err := p.Conn.(*net.TCPConn).SyscallConn()
	must(t, err)
	must(t, raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_LINGER2, 1) }))
	must(t, err)
	p.send(toolCall("1", "stuck", `{}`))
	s.awaitStuck()
	p.Close()
	s.closedFor(loop.ClosePeerReset, "1")
	s.eventually("its call ends", func() bool { return s.queue.Executing(backpressure.Blocking) == 0 })
}
