package transport

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"weir/backpressure"
	"weir/reactor/loop"
	"weir/reactor/pipeline"
)

// The messages that are held bare too, and one that was taken back meanwhile is not answered. A sweep refuses a bounded
// number of them, and the next one goes on.
func TestQueueAgeOfManyIsSwept(t *testing.T) {
	b := bareServer(t, false, func(s *settings) { s.queue.QueueTimeout = time.Second })
	c, peer := b.connect(newLine())
	b.write(peer, hello+"\n"+`{"jsonrpc":"2.0","method":"notifications/initialized"}`+"\n")
	b.in.Turn()
	const refusalsPerTurn = 128 // of the pipeline
	const n = 2*pipeline.CompactAbove + 100
	var calls strings.Builder
	for id := range n {
		calls.WriteString(toolCall(fmt.Sprint(id+1), "echo", `{"message":"x"}`))
	}
	for _, id := range []int{2, n - 1} { // a call, and one that is held
		calls.WriteString(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%d}}`+"\n", id))
	}
	before := backpressure.Now()
	b.write(peer, calls.String())
	for b.pipeline.Queue.Waiting() < n {
		b.in.Turn()
	}
	b.read(peer)
	b.in.Turn() // what came since
	after := backpressure.Now()
	b.in.Advance(time.Duration(before-b.in.Now()) + time.Second)
	if b.pipeline.Queue.Waiting() != n {
		t.Fatalf("%d wait after a second, want all %d", b.pipeline.Queue.Waiting(), n)
	}
	answers := 0
	for left := n; left > 0; {
		b.in.Advance(time.Duration(after-b.in.Now()) + time.Second + 1)
		left = max(0, left-refusalsPerTurn)
		if b.pipeline.Queue.Waiting() != left {
			t.Fatalf("%d wait after a sweep, want %d", b.pipeline.Queue.Waiting(), left)
		}
		text := b.read(peer)
		answers += strings.Count(text, `"reason":"queue_timeout"`)
	}
	if answers != n-2 {
		t.Errorf("%d were refused, want %d", answers, n-2)
	}
	if c.Pending() != 0 || c.Compacted() != 0 || b.pipeline.Queue.HeldBytes() != 0 {
		t.Errorf("left: %d pending, %d bytes, held: %t", c.Pending(), b.pipeline.Queue.HeldBytes(), c.Compacted() != 0)
	}
}

// until moves the loop's clock to so long after from, which a turn has set back.
func (b *bare) until(from int64, d time.Duration) { b.in.Advance(time.Duration(from-b.in.Now()) + d) }

// A call is not idle, and the time without one counts from its answer.
func TestCallIsNotIdle(t *testing.T) {
	b := bareServer(t, false, func(s *settings) { s.site.IdleTimeout = time.Minute })
	c, peer := b.connect(newHTTP())
	b.write(peer, modernCall("1", "echo", `{"message":"x"}`))
	from := b.in.Now()
	b.until(from, 2*time.Minute)
	if c.Finished() || c.Pending() != 1 {
		t.Fatalf("after two minutes: finished %t, %d pending", c.Finished(), c.Pending())
	}
	b.pipeline.Queue.Start()
	b.await("it is answered", func() bool { b.in.Turn(); return c.Pending() == 0 })
	contains(t, b.read(peer), `"id":1,"result"`)
	b.until(from, 2*time.Minute+59*time.Second)
	if c.Finished() {
		t.Fatalf("closed for %v within a minute of its answer", c.Reason())
	}
	b.until(from, 3*time.Minute+time.Second)
	if !c.Finished() || c.Reason() != loop.CloseIdle {
		t.Errorf("finished %t for %v", c.Finished(), c.Reason())
	}
}

// A long message that comes fast enough may take longer than message_timeout.
func TestLongMessageInTime(t *testing.T) {
	b := bareServer(t, false)
	c, peer := b.connect(newLine())
	b.write(peer, `{"jsonrpc":"2.0","id":1,"method":"ping"`)
	from := b.in.Now()
	for second := range 40 { // of ten that a message may take without coming at min_receive_rate, which is 1 KiB/s
		b.write(peer, strings.Repeat(" ", 1100))
		if b.until(from, time.Duration(second)*time.Second); c.Finished() {
			t.Fatalf("closed for %v after %d seconds", c.Reason(), second)
		}
	}
	b.write(peer, "}\n")
	contains(t, b.read(peer), `"id":1,"result":{}`)
}
