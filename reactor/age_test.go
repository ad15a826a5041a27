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

// The messages that are held bare too, and one that was taken back meanwhile is not answered. A sweep refuses a bounded
// number of them, and the next one goes on.
func TestQueueAgeOfManyIsSwept(t *testing.T) {
	b := bareServer(t, false, func(_ *Options, b *backpressure.Options,
		_ *registry.Options) {
		b.QueueTimeout = time.Second
	})
	c, peer := b.connect(newLine())
	b.write(peer, hello+"\n"+`{"jsonrpc":"2.0","method":"notifications/initialized"}`+"\n")
	b.in.Turn()
	const n = 2*compactAbove + 100
	var calls strings.Builder
	for id := range n {
		calls.WriteString(toolCall(fmt.Sprint(id+1), "echo", `{"message":"x"}`))
	}
	for _, id := range []int{2, n - 1} { // a call, and one that is held
		calls.WriteString(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%d}}`+"\n",
			id))
	}
	before := backpressure.Now()
	b.write(peer, calls.String())
	for b.queue.Waiting() < n {
		b.in.Turn()
	}
	b.read(peer)
	b.in.Turn() // what came since
	after := backpressure.Now()
	b.in.Advance(time.Duration(before-b.in.Now()) + time.Second)
	if b.queue.Waiting() != n {
		t.Fatalf("%d wait after a second, want all %d", b.queue.Waiting(), n)
	}
	answers := 0
	for left := n; left > 0; {
		b.in.Advance(time.Duration(after-b.in.Now()) + time.Second + 1)
		left = max(0, left-refusalsPerTurn)
		if b.queue.Waiting() != left {
			t.Fatalf("%d wait after a sweep, want %d", b.queue.Waiting(), left)
		}
		text := b.read(peer)
		answers += strings.Count(text, `"reason":"queue_timeout"`)
	}
	if answers != n-2 {
		t.Errorf("%d were refused, want %d", answers, n-2)
	}
	if c.Pending() != 0 || c.compacted != nil || b.queue.HeldBytes() != 0 {
		t.Errorf("left: %d pending, %d bytes, held: %t", c.Pending(), b.queue.HeldBytes(), c.compacted != nil)
	}
}

// A call that was parked has run: its refusal must not say that nothing was executed.
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
