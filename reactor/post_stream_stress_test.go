package reactor

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry"
)

const rambleSteps = 40

// addRamble offers "ramble", which reports its progress and closes its stream now and then.
func (s *server) addRamble() {
	registry.AddTool(s.registry, &mcp.Tool{Name: "ramble"},
		func(ctx context.Context, _ *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, any, error) {
			for i := range rambleSteps {
				if !registry.Progress(ctx, float64(i+1), 0, "") {
					return nil, nil, fmt.Errorf("step %d was not taken", i+1)
				}
				if rand.IntN(8) == 0 {
					registry.CloseStream(ctx, time.Millisecond)
				}
				runtime.Gosched()
			}
			return nil, nil, nil
		})
}

// However often streams break, are closed and are taken over, a client that resumes hears every event of its call
// once, in order, and then the answer.
func TestStreamsThatBreak(t *testing.T) {
	s := start(t)
	s.addRamble()
	rounds := 60
	if testing.Short() {
		rounds = 10
	}
	together(t, 6, func(worker int) error {
		p, err := s.connect("http")
		if err != nil {
			return err
		}
		session, err := p.tryHello()
		if err != nil {
			return err
		}
		for round := range rounds {
			if err := s.rambling(session, uint64(round+1)); err != nil {
				return fmt.Errorf("worker %d round %d: %w", worker, round, err)
			}
		}
		p.Close()
		return nil
	})
	s.eventually("everything is given back", func() bool {
		return s.Connections() == 0 && s.loops.OutboxBytes() == 0 && s.queue.HeldBytes() == 0 && s.loops.InputBytes() == 0
	})
}

func (p *peer) tryHello() (session string, err error) {
	if _, err := p.Write([]byte(post(hello))); err != nil {
		return "", err
	}
	r, _, err := p.readResponse()
	if err != nil {
		return "", err
	}
	return "Mcp-Session-Id: " + r.Header.Get("Mcp-Session-Id"), nil
}

// rambling is one call whose client leaves at random and resumes until it is answered; its stream is the session's nth.
func (s *server) rambling(session string, nth uint64) error {
	request := post(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"ramble","_meta":{"progressToken":"p"}}}`, nth), session)
	last := -1
	for last <= rambleSteps {
		p, err := s.connect("http")
		if err != nil {
			return err
		}
		last, err = p.hearSome(request, nth, last, rand.IntN(2*rambleSteps))
		p.Close()
		if err != nil {
			return err
		}
		request = resumeFrom(session, fmt.Sprintf("%d-%d", nth, last))
	}
	return nil
}

// hearSome hears at most so many events behind the last one, at least one, and returns the number of the last it heard.
func (p *peer) hearSome(request string, nth uint64, last, most int) (int, error) {
	if _, err := p.Write([]byte(request)); err != nil {
		return last, err
	}
	r, err := http.ReadResponse(p.r, nil)
	if err != nil || r.StatusCode != 200 {
		return last, fmt.Errorf("%v %v", r, err)
	}
	defer r.Body.Close()
	e := newEvents(p.t, r.Body)
	for heard := 0; heard <= most; heard++ {
		ev, err := e.read()
		if err != nil {
			return last, nil // the end of the stream, not of the call
		}
		var stream uint64
		var number int
		if _, err := fmt.Sscanf(ev.id, "%d-%d", &stream, &number); err != nil || stream != nth {
			return last, fmt.Errorf("event %+v on stream %d", ev, nth)
		}
		if ev.data == "" {
			if number != max(last, 0) {
				return last, fmt.Errorf("primed with %d after %d", number, last)
			}
			last = number
			continue
		}
		var m struct{ Params struct{ Progress int } }
		if err := json.Unmarshal([]byte(ev.data), &m); err != nil || number != last+1 ||
			number <= rambleSteps && m.Params.Progress != number || number > rambleSteps &&
			!strings.Contains(ev.data, `"result"`) {
			return last, fmt.Errorf("event %+v after %d", ev, last)
		}
		last = number
	}
	return last, nil
}
