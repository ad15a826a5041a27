package reactor

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/backpressure"
	"weir/registry"
)

// learnt is what one call of "held" takes before anything else: so long that few of them fit into the key.
const learnt = 40 * time.Millisecond

// startHeld starts a server that has learnt what a call of "held" takes, a tool that computes. From now on its calls
// last until open is closed.
func startHeld(t *testing.T, tunes ...tune) (s *server, open chan struct{}) {
	t.Helper()
	tunes = append(tunes, func(_ *Options, b *backpressure.Options, _ *registry.Options) {
		b.MaxExpectedWait, b.Workers = 100*time.Millisecond, 2
	})
	s = start(t, tunes...)
	open = make(chan struct{})
	first := true
	registry.AddTool(s.registry, &mcp.Tool{Name: "held"}, func(context.Context, *mcp.CallToolRequest, struct{}) (
		*mcp.CallToolResult, any, error,
	) {
		if first { // alone: nobody else has called yet
			first = false
			time.Sleep(learnt)
			return &mcp.CallToolResult{}, nil, nil
		}
		<-open
		return &mcp.CallToolResult{}, nil, nil
	}, registry.Cheap())
	p := s.dial("tcp").greet()
	p.send(toolCall("0", "held", `{}`))
	contains(t, p.line(), `"id":0,"result"`)
	p.Close()
	s.eventually("it has left", func() bool { return s.limits.Connections() == 0 })
	return s, open
}

// overload has each of some connections ask for far more than fits into the key, and returns how many calls were let in
// when all were judged.
func (s *server) overload(peers []*peer, calls int) (in int) {
	s.t.Helper()
	for _, p := range peers {
		var all strings.Builder
		for id := range calls {
			all.WriteString(toolCall(fmt.Sprint(1+id), "held", `{}`))
		}
		p.greet().send(all.String())
	}
	s.eventually("all are let in or refused", func() bool {
		in = s.queue.Waiting() + s.queue.Executing(backpressure.Compute)
		return s.queue.Executing(backpressure.Compute) == 2 && in+s.refusedForWait() == calls*len(peers)
	})
	return in
}

func (s *server) refusedForWait() (n int) {
	_, _ = fmt.Sscan(s.refused("expected_wait"), &n)
	return n
}

// Who could not start in time is told at once: while no call has ended, and none can, all that were not let in are
// refused. Every call has one answer.
func TestRefusedAtTheDoor(t *testing.T) {
	const calls = 50
	s, open := startHeld(t)
	peers := s.open(4)
	in := s.overload(peers, calls)
	// What fits into 100 ms of two cores, what runs, and a call of each connection.
	if most := int(2*100*time.Millisecond/learnt) + 2 + len(peers); in > most {
		t.Errorf("%d calls were let in, want at most %d", in, most)
	}
	close(open)
	results := 0
	for _, p := range peers {
		seen := map[string]bool{}
		for n := range calls {
			line := p.line()
			switch {
			case strings.Contains(line, `"reason":"expected_wait"`):
				contains(t, line, `"executed":false`, `"retryAfterMs"`)
			case strings.Contains(line, `"result"`):
				results++
			default:
				t.Fatalf("answer %d is %s", n, line)
			}
			_, id, _ := strings.Cut(line, `"id":`)
			if id, _, _ = strings.Cut(id, ","); seen[id] {
				t.Errorf("call %s was answered twice", id)
			}
			seen[id] = true
		}
	}
	if results != in {
		t.Errorf("%d results of %d calls that were let in", results, in)
	}
}

// Over HTTP the head is enough, where it names the tool; who has a body to send is spared that. Tools that wait are let
// in beside it.
func TestRefusedAtTheHead(t *testing.T) {
	s, open := startHeld(t)
	s.overload(s.open(4), 50)
	call := modernCall("1", "held", `{}`)
	p := s.dial("http")
	p.send(call[:strings.Index(call, "\r\n\r\n")+4])
	r, body, err := p.readResponse()
	must(t, err)
	if r.StatusCode != 503 || r.Header.Get("Retry-After") == "" {
		t.Errorf("the head of a call was answered %s", r.Status)
	}
	contains(t, body, `"reason":"expected_wait"`, `"executed":false`)
	if r, body := s.dial("http").exchange(modernCall("2", "sleep", `{"ms":0}`)); r.StatusCode != 200 {
		t.Errorf("a tool that waits: %s %s", r.Status, body)
	}
	close(open)
}
