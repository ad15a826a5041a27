package reactor

//lint:file-ignore SA1019 sampling and roots are deprecated and still served to those who have them

import (
	"context"
	"runtime"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/backpressure"
	"weir/registry"
)

// Calls that outlived their connections go on though the handler of one before them ends its goroutine.
func TestDetachedCallsBehindAHandlerThatExits(t *testing.T) {
	s := start(t, func(_ *Options, b *backpressure.Options, _ *registry.Options) { b.Workers = 1 })
	registry.AddTool(s.registry, &mcp.Tool{Name: "hold"},
		func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
			s.stuck <- struct{}{}
			<-s.release
			return nil, nil, nil
		}, registry.Cheap())
	registry.AddTool(s.registry, &mcp.Tool{Name: "ponder"},
		func(_ context.Context, req *mcp.CallToolRequest, in askIn) (*mcp.CallToolResult, any, error) {
			if req.Params.InputResponses == nil {
				return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"roots": &mcp.ListRootsParams{}}}, nil, nil
			}
			if in.Things > 1 {
				runtime.Goexit()
			}
			return nil, nil, nil
		}, registry.Cheap())
	q := s.dial("http")
	session := q.ableSession()
	var asked []string
	for _, things := range []int{2, 1} {
		p := s.dial("http")
		p.send(post(strings.Replace(askCall("1", things), `"ask"`, `"ponder"`, 1), session))
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
	for i, request := range asked {
		q.send(post(reply(t, request, `"result":{"roots":[]}`), session))
		q.wantStatus(202)
		s.eventually("it waits for the worker", func() bool { return s.queue.Waiting() == i+1 })
	}
	s.free()
	for _, from := range []string{"1-1", "2-1"} {
		q.send(resumeFrom(session, from))
		e := q.stream()
		e.next()
		contains(t, e.data(), `"id":1`)
		e.ends()
	}
}
