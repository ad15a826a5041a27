package reactor

import (
	"fmt"
	"strings"
	"testing"

	"weir/backpressure"
	"weir/reactor/pipeline"
)

// Far more calls than are kept as calls: all must be answered, each once, and cancellations and duplicates must reach
// the ones that are held bare.
func TestHeldMessages(t *testing.T) {
	s := start(t)
	p := s.dial("tcp").greet()
	const n = 3 * pipeline.CompactAbove
	for id := range 31 {
		p.send(toolCall(fmt.Sprint(id), "stuck", `{}`))
	}
	for range 31 {
		s.awaitStuck()
	}
	var sent strings.Builder
	for id := 31; id < n; id++ {
		sent.WriteString(toolCall(fmt.Sprint(id), "stuck", `{}`))
	}
	sent.WriteString(toolCall("500", "stuck", `{}`)) // in use by a held one
	p.send(sent.String())
	for _, id := range []string{"600", "601", "100", "99999"} { // two held, one a waiting call, one nobody's
		p.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":` + id + `}}` + "\n")
	}
	p.send(`{"jsonrpc":"2.0","id":"after","method":"ping"}` + "\n")
	contains(t, p.line(), `"id":"after"`)
	s.free()
	answers := map[string]int{}
	for range n + 1 - 3 {
		var id int
		answer := p.line()
		if _, err := fmt.Sscanf(answer, `{"jsonrpc":"2.0","id":%d,`, &id); err != nil {
			t.Fatalf("%s: %v", answer, err)
		}
		if !strings.Contains(answer, "free") && !(id == 500 && strings.Contains(answer, "-32600")) {
			t.Errorf("unexpected: %s", answer)
		}
		answers[fmt.Sprint(id)]++
	}
	for _, id := range []string{"600", "601", "100"} {
		if answers[id] != 0 {
			t.Errorf("call %s was cancelled and answered", id)
		}
	}
	if answers["500"] != 2 {
		t.Errorf("call 500 and its duplicate got %d answers", answers["500"])
	}
	s.eventually("no waiting, no bytes", func() bool { return s.queue.Waiting() == 0 && s.queue.HeldBytes() == 0 })
}

func TestHeldMessagesOfAGonePeer(t *testing.T) {
	s := start(t)
	p := s.dial("tcp").greet()
	p.send(strings.Repeat(toolCall("1", "stuck", `{}`), 2)) // the second is refused: -32600
	contains(t, p.line(), "-32600")
	var sent strings.Builder
	for id := range 1000 {
		sent.WriteString(toolCall(fmt.Sprint(id+10), "stuck", `{}`))
	}
	p.send(sent.String())
	s.eventually("most of them wait", func() bool { return s.queue.Waiting() > 900 })
	must(t, p.Conn.(interface{ SetLinger(int) error }).SetLinger(0))
	p.Close()
	s.eventually("nothing is left of them", func() bool {
		return s.queue.Waiting() == 0 && s.queue.HeldBytes() == 0 && s.queue.Executing(backpressure.Blocking) == 0
	})
}
