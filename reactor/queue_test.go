package reactor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"weir/backpressure"
	"weir/registry"
)

// client speaks one transport: call makes a call of "stuck" ready for the wire, answer reads the next answer's message.
type client struct {
	*peer
	call   func(id int) string
	answer func() (string, error)
}

// lineClient, webSocketClient and httpClient each have a conversation of 2025-11-25.
func (s *server) lineClient() client {
	p := s.dial("tcp").greet()
	return client{p, func(id int) string { return toolCall(fmt.Sprint(id), "stuck", `{}`) },
		func() (string, error) { return p.r.ReadString('\n') }}
}

func (s *server) webSocketClient() client {
	p := s.websocket()
	p.text(hello)
	p.received()
	return client{p, func(id int) string {
		return clientFrame(strings.TrimSpace(toolCall(fmt.Sprint(id), "stuck",
			`{}`)))
	},
		func() (string, error) {
			f, err := readFrame(p.r)
			return string(f.Payload), err
		}}
}

func (s *server) httpClient() client {
	p := s.dial("http")
	session := p.session()
	return client{p, func(id int) string {
		return post(strings.TrimSpace(toolCall(fmt.Sprint(id), "stuck", `{}`)),
			session)
	},
		func() (string, error) {
			r, body, err := p.readResponse()
			if err != nil {
				return "", err
			}
			if refused := strings.Contains(body, `"error"`); refused != (r.StatusCode == 503) ||
				refused != (r.Header.Get("Retry-After") != "") {
				return body, fmt.Errorf("%s, Retry-After %q, with %s", r.Status, r.Header.Get("Retry-After"), body)
			}
			return body, nil
		}}
}

// A stuck tool and a client that reads: 31 calls run, 10,000 wait, every other is refused, and none is lost.
func TestConnectionQueueFullAtTheDefaultSize(t *testing.T) {
	const runs, waits, more = 31, 10_000, 500
	f := func(name string, connect func(*server) client) {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			c := connect(s)
			c.t = t
			seen, ended := countAnswers(c, runs+waits+more)
			send := func(from, n int) {
				var all strings.Builder
				for id := range n {
					all.WriteString(c.call(1 + from + id))
				}
				_, _ = io.WriteString(c.Conn, all.String()) // the answers tell what arrived
			}
			send(0, runs)
			for range runs {
				s.awaitStuck()
			}
			send(runs, waits)
			s.eventually("10,000 wait", func() bool { return s.queue.Waiting() == waits })
			sent := make(chan struct{})
			go func() { defer close(sent); send(runs+waits, more) }()
			if name != "http" { // there the refusals wait for their turn, and reading stops when they fill the outbox
				s.eventually("the others are refused", func() bool { return seen.Load() == more })
			} else {
				s.eventually("refusals fill the outbox", func() bool { return s.metric("weir_outbox_full_total") == "1" })
			}
			s.free()
			<-sent
			if err := <-ended; err != nil {
				t.Fatalf("after %d answers: %v", seen.Load(), err)
			}
			if n := s.refused("connection_queue_full"); name != "http" && n != fmt.Sprint(more) {
				t.Errorf("%s refusals were counted, want %d", n, more)
			}
		})
	}
	f("tcp", (*server).lineClient)
	f("websocket", (*server).webSocketClient)
	f("http", (*server).httpClient)
}

// countAnswers reads until every id from 1 to n has one answer: a result, or a refusal because the connection's queue
// is full.
func countAnswers(c client, n int) (seen *atomic.Int64, ended chan error) {
	seen, ended = new(atomic.Int64), make(chan error, 1)
	go func() {
		ids := make([]bool, n+1)
		for range n {
			answer, err := c.answer()
			if err != nil {
				ended <- err
				return
			}
			var id int
			_, err = fmt.Sscanf(answer, `{"jsonrpc":"2.0","id":%d,`, &id)
			switch {
			case err != nil || id < 1 || id > n || ids[id]:
				ended <- fmt.Errorf("id missing or seen before: %s", answer)
				return
			case !strings.Contains(answer, `"result"`) &&
				!(strings.Contains(answer, `"reason":"connection_queue_full","retryAfterMs":`) &&
					strings.Contains(answer, `"executed":false`)):
				ended <- fmt.Errorf("neither a result nor a refusal: %s", answer)
				return
			}
			ids[id] = true
			seen.Add(1)
		}
		ended <- nil
	}()
	return seen, ended
}

// Refused by its size, so without being read: the end of this message is no JSON, and nobody minds.
func TestConnectionQueueBytes(t *testing.T) {
	s := start(t, func(_ *Options, b *backpressure.Options,
		_ *registry.Options) {
		b.MaxExecutingPerConnection = 1
	})
	p := s.dial("tcp").greet()
	p.send(toolCall("1", "stuck", `{}`))
	s.awaitStuck()
	pad := strings.Repeat("x", 600<<10)
	p.send(padded("2", "stuck", `{}`, `,"_meta":{"pad":"`+pad+`"}`))
	s.eventually("the second waits", func() bool { return s.queue.Waiting() == 1 })
	p.send(strings.Replace(padded("3", "stuck", `{}`, `,"_meta":{"pad":"`+pad+`"}`), "}}}\n", "]]]\n", 1))
	contains(t, p.line(), `"id":3,`, `"reason":"connection_queue_bytes"`, `"executed":false`)
	p.answers()
	s.free()
	contains(t, p.line(), `"id":1,`)
	contains(t, p.line(), `"id":2,`)
	s.eventually("every byte is given back", func() bool { return s.queue.HeldBytes() == 0 && s.loops.InputBytes() == 0 })
}

func TestQueueOfAllFull(t *testing.T) {
	s := start(t, func(_ *Options, b *backpressure.Options, _ *registry.Options) {
		b.MaxExecutingPerConnection, b.MaxWaiting, b.RefuseAbove = 1, 5, 1
	})
	hog := s.dial("tcp").greet()
	hog.send(toolCall("0", "stuck", `{}`))
	s.awaitStuck()
	for id := range 5 {
		hog.send(toolCall(fmt.Sprint(1+id), "stuck", `{}`))
	}
	s.eventually("five wait", func() bool { return s.queue.Waiting() == 5 })
	p := s.dial("tcp").greet()
	p.send(toolCall("1", "echo", `{"message":"x"}`))
	contains(t, p.line(), `"id":1,`, `"reason":"queue_full"`)
	q := s.dial("http")
	q.send(modernCall("2", "echo", `{"message":"x"}`))
	r, body := q.response()
	contains(t, body, `"id":2,`, `"reason":"queue_full"`, `"executed":false`)
	if r.StatusCode != 503 || r.Header.Get("Retry-After") == "" || r.Close {
		t.Errorf("got %s %v", r.Status, r.Header)
	}
	s.free()
	for range 6 {
		hog.line()
	}
	p.send(toolCall("1", "echo", `{"message":"x"}`))
	contains(t, p.line(), `"id":1,"result"`)
}

func TestControlIsServedWhileTheQueueIsFull(t *testing.T) {
	s := start(t, func(_ *Options, b *backpressure.Options, _ *registry.Options) {
		b.MaxExecutingPerConnection, b.MaxWaitingPerConnection = 1, 2
	})
	f := func(name string, connect func(*server) client, control func(text string) string) {
		t.Run(name, func(t *testing.T) {
			c := connect(s)
			c.t = t
			c.send(c.call(1))
			s.awaitStuck()
			c.send(c.call(2) + c.call(3) + c.call(4))
			expect := func(parts ...string) {
				answer, err := c.answer()
				must(t, err)
				contains(t, answer, parts...)
			}
			expect(`"id":4,`, "connection_queue_full")
			c.send(control(`{"jsonrpc":"2.0","id":5,"method":"ping"}`))
			expect(`"id":5,"result":{}`)
			for id := 1; id <= 3; id++ {
				c.send(control(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%d}}`, id)))
			}
			s.eventually("nothing runs or waits", func() bool {
				return s.queue.Waiting() == 0 &&
					s.queue.Executing(backpressure.Blocking) == 0
			})
			c.send(control(`{"jsonrpc":"2.0","id":6,"method":"ping"}`))
			expect(`"id":6,"result":{}`)
			for len(s.stuck) > 0 {
				<-s.stuck
			}
		})
	}
	f("tcp", (*server).lineClient, func(text string) string { return text + "\n" })
	f("websocket", (*server).webSocketClient, clientFrame)
}

func TestQueueAge(t *testing.T) {
	s := start(t, func(_ *Options, b *backpressure.Options, _ *registry.Options) {
		b.MaxExecutingPerConnection, b.QueueTimeout = 1, shortAge
	})
	p := s.dial("tcp").greet()
	refused := p.occupy(s, "1")
	p.send(toolCall("2", "stuck", `{}`))
	contains(t, p.line(), `"id":2,`, `"reason":"queue_timeout"`, `"executed":false`)
	s.free()
	contains(t, p.line(), `"id":1,"result"`)
	if n := s.refused("queue_timeout"); n != fmt.Sprint(refused+1) {
		t.Errorf("%s refusals were counted, want %d", n, refused+1)
	}
}

// With on_full pause a client that asks too much finds that its writes block, and everything is answered in the end.
func TestPauseBlocksWritesAndAnswersAll(t *testing.T) {
	s := start(t, func(o *Options, b *backpressure.Options, _ *registry.Options) {
		o.OnFull = OnFullPause
		b.MaxExecutingPerConnection, b.MaxWaitingPerConnection = 2, 10
	})
	p := s.dial("tcp").greet()
	pad := `,"_meta":{"pad":"` + strings.Repeat("x", 8000) + `"}`
	p.send(padded("0", "stuck", `{}`, pad))
	s.awaitStuck()
	sent, rest, reads := 1, "", ""
	for blocked := false; !blocked; { // the kernel takes nothing, and meanwhile the server, whose queue is full, read nothing
		if rest == "" {
			rest = padded(fmt.Sprint(sent), "stuck", `{}`, pad)
			sent++
		}
		if sent > 10_000 {
			t.Fatal("80 MB were taken")
		}
		before := s.metric("weir_reads_total")
		must(t, p.SetWriteDeadline(time.Now().Add(50*time.Millisecond)))
		n, err := io.WriteString(p.Conn, rest)
		rest = rest[n:]
		if errors.Is(err, os.ErrDeadlineExceeded) {
			reads = s.metric("weir_reads_total")
			blocked = n == 0 && reads == before && s.queue.Waiting() == 10
		} else {
			must(t, err)
		}
	}
	must(t, p.SetWriteDeadline(time.Time{}))
	if now := s.metric("weir_reads_total"); now != reads || s.queue.Waiting() != 10 {
		t.Errorf("%d wait, want 10; %s reads, want %s", s.queue.Waiting(), now, reads)
	}
	s.free()
	go func() { _, _ = io.WriteString(p.Conn, rest) }() // the reads below tell when it failed
	seen := make([]bool, sent)
	for range sent {
		answer := p.line()
		var id int
		if _, err := fmt.Sscanf(answer, `{"jsonrpc":"2.0","id":%d,"result"`, &id); err != nil || seen[id] {
			t.Fatalf("not the result of an open call: %s", answer)
		}
		seen[id] = true
	}
	t.Logf("%d calls went through a queue of 10", sent)
}

// closeFrame is a client's close frame with a code.
func closeFrame(code uint16) string {
	payload := binary.BigEndian.AppendUint16(nil, code)
	return "\x88\x82\x00\x00\x00\x00" + string(payload)
}
