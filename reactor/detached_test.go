package reactor

//lint:file-ignore SA1019 sampling and roots are deprecated and still served to those who have them

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/backpressure"
	"weir/registry"
)

// detach makes calls, one for each of things, that ask their client, lose their connections, and are answered while
// the only worker is held. Those that go on with more than one thing do what odd does. q is their session's next
// connection; pass gives them the worker.
func (s *server) detach(t *testing.T, things []int, odd func()) (q *peer, session string, pass func()) {
	t.Helper()
	held := make(chan struct{})
	registry.AddTool(s.registry, &mcp.Tool{Name: "hold"},
		func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
			s.stuck <- struct{}{}
			<-held
			return nil, nil, nil
		}, registry.Cheap())
	registry.AddTool(s.registry, &mcp.Tool{Name: "ponder"},
		func(_ context.Context, req *mcp.CallToolRequest, in askIn) (*mcp.CallToolResult, any, error) {
			if req.Params.InputResponses == nil {
				return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"roots": &mcp.ListRootsParams{}}}, nil, nil
			}
			if in.Things > 1 {
				odd()
			}
			return nil, nil, nil
		}, registry.Cheap())
	q = s.dial("http")
	session = q.ableSession()
	var asked []string
	for _, n := range things {
		p := s.dial("http")
		p.send(post(strings.Replace(askCall("1", n), `"ask"`, `"ponder"`, 1), session))
		e := p.stream()
		e.next()
		asked = append(asked, e.data())
		open := s.Connections()
		p.Close()
		s.eventually("its connection ends", func() bool { return s.Connections() < open })
	}
	holder := s.dial("tcp").greet()
	holder.send(toolCall("1", "hold", `{}`))
	s.awaitStuck()
	pass = sync.OnceFunc(func() { close(held) })
	t.Cleanup(pass)
	for i, request := range asked {
		q.send(post(reply(t, request, `"result":{"roots":[]}`), session))
		q.wantStatus(202)
		s.eventually("it waits for the worker", func() bool { return s.queue.Waiting() == i+1 })
	}
	return q, session, pass
}

// outcomes reads what became of the calls of detach, in their order, off the event store.
func (p *peer) outcomes(session string, wants ...string) {
	p.t.Helper()
	for i, want := range wants {
		p.send(resumeFrom(session, fmt.Sprintf("%d-1", i+1)))
		e := p.stream()
		e.next()
		contains(p.t, e.data(), `"id":1`, want)
		e.ends()
	}
}

// Calls that outlived their connections go on though the handler of one before them ends its goroutine.
func TestDetachedCallsBehindAHandlerThatExits(t *testing.T) {
	s := start(t, func(_ *Options, b *backpressure.Options, _ *registry.Options) { b.Workers = 1 })
	q, session, pass := s.detach(t, []int{2, 1}, runtime.Goexit)
	pass()
	q.outcomes(session, `"error"`, `"result"`)
}
