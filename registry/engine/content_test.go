package engine_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	. "weir/registry/engine"
)

//lint:file-ignore SA1019 what belongs to sampling is deprecated, and kept out of results

// Each content, as each revision may see it: in the results of tools and in the messages of prompts, which share the
// table.
func TestContentsOfEachRevision(t *testing.T) {
	const (
		a, b, c, d, e = "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"
		dated         = `"annotations":{"audience":["user"],"lastModified":"2025-01-12T15:00:58Z","priority":0.5}`
		undated       = `"annotations":{"audience":["user"],"priority":0.5}`
		meta          = `"_meta":{"k":1}`
	)
	notes := func() *mcp.Annotations {
		return &mcp.Annotations{Audience: []mcp.Role{"user"}, LastModified: "2025-01-12T15:00:58Z", Priority: 0.5}
	}
	m := mcp.Meta{"k": 1}
	f := func(content mcp.Content, want map[string]string) {
		t.Helper()
		before, err := json.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		r := newFixture(t)
		AddTool(r, &mcp.Tool{Name: "it"}, func(context.Context, *mcp.CallToolRequest, none) (*mcp.CallToolResult, any,
			error) {
			return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "first"}, content}}, nil, nil
		})
		r.AddPrompt(&mcp.Prompt{Name: "it"}, func(context.Context, *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			return &mcp.GetPromptResult{Messages: []*mcp.PromptMessage{{Role: "user", Content: content}}}, nil
		})
		last := ""
		for _, version := range []string{a, b, c, d, e} {
			if w, changes := want[version]; changes {
				last = w
			}
			p, params := &peer{r: r}, `{"name":"it"}`
			if version == e {
				params = `{"name":"it",` + modernMeta + `}`
			} else {
				p.initialize(t, version)
			}
			for _, method := range []string{"tools/call", "prompts/get"} {
				got := p.send(`{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":`+params+`}`, Header{}).body
				if !sameContent(t, got, last) {
					t.Errorf("%s in %s:\ngot  %s\nwant %s", method, version, got, last)
				}
			}
		}
		if after, _ := json.Marshal(content); string(after) != string(before) {
			t.Errorf("it was changed:\nfrom %s\nto   %s", before, after)
		}
	}
	left := func(kind, version, what string) string {
		return `{"type":"text","text":"[` + kind + ` left out, which MCP ` + version + ` does not have here: ` + what + `]"}`
	}
	f(&mcp.TextContent{Text: "x", Meta: m, Annotations: notes()}, map[string]string{
		a: `{"type":"text","text":"x",` + undated + `}`,
		c: `{"type":"text","text":"x",` + meta + `,` + dated + `}`,
	})
	f(&mcp.ImageContent{Data: []byte{1}, MIMEType: "image/png", Meta: m, Annotations: notes()}, map[string]string{
		a: `{"type":"image","mimeType":"image/png","data":"AQ==",` + undated + `}`,
		c: `{"type":"image","mimeType":"image/png","data":"AQ==",` + meta + `,` + dated + `}`,
	})
	f(&mcp.AudioContent{Data: []byte{1}, MIMEType: "audio/wav", Meta: m, Annotations: notes()}, map[string]string{
		a: left("audio", a, "audio/wav, 1 bytes"),
		b: `{"type":"audio","mimeType":"audio/wav","data":"AQ==",` + undated + `}`,
		c: `{"type":"audio","mimeType":"audio/wav","data":"AQ==",` + meta + `,` + dated + `}`,
	})
	link := `{"type":"resource_link","mimeType":"text/plain","uri":"test://a","name":"a","title":"A","description":"of a",` + meta + `,` + dated
	f(&mcp.ResourceLink{URI: "test://a", Name: "a", Title: "A", Description: "of a", MIMEType: "text/plain", Meta: m,
		Annotations: notes(),
		Icons:       []mcp.Icon{{Source: "data:,"}}}, map[string]string{
		a: left("resource_link", a, "test://a, a, text/plain, of a"),
		b: left("resource_link", b, "test://a, a, text/plain, of a"),
		c: link + `}`,
		d: link + `,"icons":[{"src":"data:,"}]}`,
	})
	f(&mcp.EmbeddedResource{Resource: &mcp.ResourceContents{URI: "test://a", Text: "x", Meta: m}, Meta: m,
		Annotations: notes()}, map[string]string{
		a: `{"type":"resource","resource":{"uri":"test://a","text":"x"},` + undated + `}`,
		c: `{"type":"resource","resource":{"uri":"test://a","text":"x",` + meta + `},` + meta + `,` + dated + `}`,
	})
	f(&mcp.ToolUseContent{ID: "1", Name: "n"}, map[string]string{
		a: left("tool_use", a, "n"), b: left("tool_use", b, "n"), c: left("tool_use", c, "n"), d: left("tool_use", d,
			"n"), e: left("tool_use", e, "n"),
	})
}

// sameContent says whether a response holds the content, as JSON.
func sameContent(t *testing.T, response, content string) bool {
	t.Helper()
	var r struct {
		Result struct {
			Content  []json.RawMessage
			Messages []struct{ Content json.RawMessage }
		}
	}
	if err := json.Unmarshal([]byte(response), &r); err != nil {
		t.Fatal(err)
	}
	var got json.RawMessage
	switch {
	case len(r.Result.Content) == 2:
		got = r.Result.Content[1]
	case len(r.Result.Messages) == 1:
		got = r.Result.Messages[0].Content
	default:
		return false
	}
	var x, y any
	if json.Unmarshal(got, &x) != nil || json.Unmarshal([]byte(content), &y) != nil {
		return false
	}
	one, _ := json.Marshal(x)
	other, _ := json.Marshal(y)
	return string(one) == string(other)
}

// A content that is none is an error of the handler, not null on the wire.
func TestNoContent(t *testing.T) {
	for _, content := range []mcp.Content{nil, (*mcp.TextContent)(nil), (*mcp.ImageContent)(nil), (*mcp.AudioContent)(nil),
		(*mcp.ResourceLink)(nil), (*mcp.EmbeddedResource)(nil), &mcp.EmbeddedResource{}, (*mcp.ToolUseContent)(nil), (*mcp.ToolResultContent)(nil)} {
		r := newFixture(t)
		AddTool(r, &mcp.Tool{Name: "it"}, func(context.Context, *mcp.CallToolRequest, none) (*mcp.CallToolResult, any,
			error) {
			return &mcp.CallToolResult{Content: []mcp.Content{content}}, nil, nil
		})
		p := &peer{r: r}
		p.initialize(t, "2025-11-25")
		if got := p.send(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"it"}}`,
			Header{}).body; !strings.Contains(got, `-32603`) {
			t.Errorf("%T: %s", content, got)
		}
	}
}
