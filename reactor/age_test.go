package reactor

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"weir/backpressure"
	"weir/registry"
)

// shortAge is the age limit of these tests, short to wait for. A worker of a busy machine may come later.
const shortAge = 50 * time.Millisecond

// occupy has calls of "stuck" run under these ids. One that no worker took in time is sent again.
func (p *peer) occupy(s *server, ids ...string) (refused int) {
	p.t.Helper()
	for _, id := range ids {
		for runs := false; !runs; {
			before := s.refused("queue_timeout")
			p.send(toolCall(id, "stuck", `{}`))
			s.eventually("a call runs or is refused", func() bool {
				runs = len(s.stuck) > 0
				return runs || s.refused("queue_timeout") != before
			})
			if runs {
				<-s.stuck
			} else {
				contains(p.t, p.line(), `"id":`+id+`,`, `"reason":"queue_timeout"`, `"executed":false`)
				refused++
			}
		}
	}
	return refused
}

// askedInTime sends a call of "ask" until a worker takes it in time, and returns what it asks.
func (p *peer) askedInTime() string {
	p.t.Helper()
	for {
		p.send(askCall("1", 1) + "\n")
		if request := p.line(); !strings.Contains(request, `"reason":"queue_timeout","executed":false`) {
			return request
		}
	}
}

// Every place is taken by a tool that does not return, and still nothing waits longer than it may.
func TestQueueAgeWithoutAWorker(t *testing.T) {
	s := start(t, func(_ *Options, b *backpressure.Options, _ *registry.Options) {
		b.MaxBlockingWorkers, b.QueueTimeout = 2, shortAge
	})
	hog := s.dial("tcp").greet()
	refused := hog.occupy(s, "1", "2")
	f := func(name string, connect func(*server) client) {
		t.Run(name, func(t *testing.T) {
			c := connect(s)
			c.t = t
			c.send(c.call(1) + c.call(2) + c.call(3))
			for id := 1; id <= 3; id++ {
				answer, err := c.answer()
				must(t, err)
				contains(t, answer, fmt.Sprintf(`"id":%d,`, id), `"reason":"queue_timeout"`, `"executed":false`)
				refused++
			}
			c.send(c.call(1)) // the id is free
			_, err := c.answer()
			must(t, err)
			refused++
		})
	}
	f("tcp", (*server).lineClient)
	f("websocket", (*server).webSocketClient)
	f("http", (*server).httpClient)
	batch := s.dial("tcp")
	batch.send(strings.Replace(hello, "2025-11-25", "2025-03-26", 1) + "\n")
	batch.line()
	batch.send("[" + strings.TrimSpace(toolCall("1", "stuck", `{}`)) + `,{"jsonrpc":"2.0","id":2,"method":"ping"}]` + "\n")
	contains(t, batch.line(), `"id":1,"error"`, `"reason":"queue_timeout"`, `"id":2,"result":{}`)
	refused++
	if n := s.refused("queue_timeout"); n != fmt.Sprint(refused) {
		t.Errorf("%s refusals were counted, want %d", n, refused)
	}
	if n := s.queue.Executing(backpressure.Blocking); n != 2 {
		t.Errorf("%d run", n)
	}
	s.free()
	for range 2 {
		contains(t, hog.line(), "free")
	}
	s.eventually("every byte is given back", func() bool { return s.queue.HeldBytes() == 0 && s.queue.Waiting() == 0 })
}

// A call that was suspended has run: its refusal must not say that nothing was executed.
func TestQueueAgeOfAResumedCall(t *testing.T) {
	s := start(t, func(_ *Options, b *backpressure.Options, _ *registry.Options) {
		b.MaxBlockingWorkers, b.QueueTimeout = 1, shortAge
	})
	s.addAsk()
	p, hog := s.dial("tcp").greetAble(), s.dial("tcp").greet()
	request := p.askedInTime()
	s.eventually("no worker has it", func() bool { return s.queue.Executing(backpressure.Blocking) == 0 })
	hog.occupy(s, "1")
	p.send(reply(t, request, ada) + "\n")
	contains(t, p.line(), `"id":1,`, `-32603`, `{"reason":"queue_timeout","executed":true}`)
	p.answers()
}
