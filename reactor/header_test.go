package reactor

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/backpressure"
	"weir/registry"
)

// What a handler reads of its request's header is what the client sent with this message, without credentials that
// nobody asked for, wherever the message waited; and nothing on transports whose messages have none.
func TestHeader(t *testing.T) {
	s := start(t)
	tell := func(_ context.Context, req *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, any, error) {
		header, err := json.Marshal(req.Extra.Header)
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: string(header)}}}, nil, err
	}
	registry.AddTool(s.registry, &mcp.Tool{Name: "all"}, tell, registry.WithHeader())
	registry.AddTool(s.registry, &mcp.Tool{Name: "some"}, tell, registry.WithHeader("x-trace", "AUTHORIZATION", "absent"),
		registry.Cheap())
	registry.AddTool(s.registry, &mcp.Tool{Name: "none"}, tell)
	theirs := mcp.NewServer(&mcp.Implementation{Name: "theirs", Version: "1"}, nil)
	mcp.AddTool(theirs, &mcp.Tool{Name: "adopted"}, tell)
	adopted, err := s.registry.Adopt(theirs, registry.Adoption{})
	must(t, err)
	t.Cleanup(func() { must(t, adopted.Close()) })
	text := func(body string) string {
		var answer struct {
			Result struct{ Content []struct{ Text string } }
		}
		must(t, json.Unmarshal([]byte(strings.TrimPrefix(body, "data: ")), &answer))
		return answer.Result.Content[0].Text
	}
	sent := []string{"X-Trace: one", "x-TRACE:\ttwo \t", "Authorization: Bearer x", "Cookie: a=b",
		"Proxy-Authorization: Basic x", "X-Empty:", "X-Long: " + strings.Repeat("y", 3000)}
	p := s.dial("http")
	session := p.session()
	f := func(tool string, want, not []string) {
		t.Helper()
		p.send(post(toolCall("1", tool, `{}`), append([]string{session}, sent...)...) +
			post(toolCall("2", "echo", `{"message":"`+strings.Repeat("z", 6000)+`"}`), session)) // over the same buffer
		_, body := p.response()
		contains(t, text(body), want...)
		for _, part := range not {
			if strings.Contains(text(body), part) {
				t.Errorf("%s is given %s: %s", tool, part, text(body))
			}
		}
		p.response()
	}
	secret := []string{"Bearer", "a=b", "Basic"}
	for _, tool := range []string{"all", "adopted"} {
		f(tool, []string{`"X-Trace":["one","two"]`, `"X-Empty":[""]`, `"X-Long":["yyy`, `"Host":[`, `"Content-Type":["application/json"]`,
			`"Mcp-Session-Id":[`}, secret)
	}
	f("some", []string{`{"Authorization":["Bearer x"],"X-Trace":["one","two"]}`}, nil)
	f("none", []string{`null`}, nil)
	line := s.dial("tcp").greet()
	line.send(toolCall("1", "all", `{}`))
	if got := text(line.line()); got != "null" {
		t.Errorf("on a line: %s", got)
	}
	s.eventually("every byte is given back", func() bool { return s.queue.HeldBytes() == 0 })
}

// A header that is kept for a call that waits counts as the call's bytes do.
func TestHeaderCounts(t *testing.T) {
	s := start(t, func(_ *Options, b *backpressure.Options, _ *registry.Options) { b.Workers = 1 })
	hold := func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
		s.stuck <- struct{}{}
		<-s.release
		return &mcp.CallToolResult{}, nil, nil
	}
	registry.AddTool(s.registry, &mcp.Tool{Name: "plain"}, hold)
	registry.AddTool(s.registry, &mcp.Tool{Name: "reads"}, hold, registry.WithHeader())
	t.Cleanup(s.free)
	p := s.dial("http")
	session := p.session()
	var held []int
	for i, tool := range []string{"plain", "reads"} {
		p.send(post(toolCall(fmt.Sprint(i), tool, `{}`), session, "X-Long: "+strings.Repeat("y", 3000)))
		s.awaitStuck()
		held = append(held, s.queue.HeldBytes())
	}
	if more := held[1] - 2*held[0]; more < 3000 || more > 3500 {
		t.Errorf("a header of 3,000 bytes counts as %d", more)
	}
}
