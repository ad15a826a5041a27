package transport

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"weir/backpressure"
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
