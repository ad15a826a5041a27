package reactor

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"weir/backpressure"
	"weir/registry"
)

// shortAge is the age limit of these tests: short to wait for, and no worker of a busy machine takes so long to come.
const shortAge = 250 * time.Millisecond

// Every place is taken by a tool that does not return, and still nothing waits longer than it may.
func TestQueueAgeWithoutAWorker(t *testing.T) {
	s := start(t, func(_ *Options, b *backpressure.Options, _ *registry.Options) {
		b.MaxBlockingWorkers, b.QueueTimeout = 2, shortAge
	})
	hog := s.dial("tcp").greet()
	hog.send(toolCall("1", "stuck", `{}`) + toolCall("2", "stuck", `{}`))
	s.awaitStuck()
	s.awaitStuck()
	refused := 0
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
	p.send(askCall("1", 1) + "\n")
	request := p.line()
	s.eventually("no worker has it", func() bool { return s.queue.Executing(backpressure.Blocking) == 0 })
	hog.send(toolCall("1", "stuck", `{}`))
	s.awaitStuck()
	p.send(reply(t, request, ada) + "\n")
	contains(t, p.line(), `"id":1,`, `-32603`, `{"reason":"queue_timeout","executed":true}`)
	p.answers()
}
