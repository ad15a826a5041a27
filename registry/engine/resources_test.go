package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry"
	. "weir/registry/engine"
)

func readOf(uri string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":%q}}`, uri)
}

// offering is a registry with everything of the fixtures, and an initialized connection to it.
func offering(t testing.TB, change ...func(*registry.Options)) *peer {
	t.Helper()
	p := &peer{r: newFixture(t, change...)}
	addFixtureOffers(p.r)
	p.initialize(t, "2025-11-25")
	return p
}

func TestBadResources(t *testing.T) {
	r := newFixture(t, func(o *registry.Options) { o.MaxResources, o.MaxResourceTemplates = 1, 1 })
	static := func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) { return nil, nil }
	resource := func(want, uri, name string, h mcp.ResourceHandler) {
		t.Helper()
		mustPanic(t, want, func() { r.AddResource(&mcp.Resource{URI: uri, Name: name}, h) })
	}
	template := func(want, text, name string, h mcp.ResourceHandler) {
		t.Helper()
		mustPanic(t, want, func() { r.AddResourceTemplate(&mcp.ResourceTemplate{URITemplate: text, Name: name}, h) })
	}
	resource("not absolute", "", "n", static)
	resource("not absolute", "/path", "n", static)
	resource("control characters", "test://a\nb", "n", static)
	resource("parse", "test://%zz", "n", static)
	resource("2049 bytes long", "test://"+strings.Repeat("x", 2042), "n", static)
	resource("the name is missing", "test://a", "", static)
	resource("handler is nil", "test://a", "n", nil)
	resource("half of max_result_bytes", "test://a", strings.Repeat("n", 1<<19), static)
	template("incomplete expression", "test://{", "n", static)
	template("op-reserved", "test://{a}{=b}", "n", static)
	template("begin with a scheme", "{scheme}://a", "n", static)
	template("begin with a scheme", "/a/{b}", "n", static)
	template("2049 bytes long", "test://"+strings.Repeat("x", 2042), "n", static)
	template("the name is missing", "test://{a}", "", static)
	template("handler is nil", "test://{a}", "n", nil)
	r.AddResource(&mcp.Resource{URI: "test://1", Name: "n"}, static)
	r.AddResourceTemplate(&mcp.ResourceTemplate{URITemplate: "test://{1}", Name: "n"}, static)
	resource("max_resources (1)", "test://2", "n", static)
	template("max_resource_templates (1)", "test://{2}", "n", static)
}

func mustPanic(t *testing.T, want string, f func()) {
	t.Helper()
	defer func() {
		if v := recover(); v == nil || !strings.Contains(fmt.Sprint(v), want) {
			t.Errorf("panic %v, want %q", v, want)
		}
	}()
	f()
}

// Which template reads a URI (RFC 6570, by its levels): the one with the most literal text of those that could expand
// to it, whatever the order in which they came.
func TestTemplateMatching(t *testing.T) {
	p := &peer{r: newFixture(t)}
	p.initialize(t, "2025-11-25")
	for _, text := range []string{"a://{x}", "a://{x}/b", "a://{+path}", "a://lit/{x}{?q,page}", "a://{host}{/segments*}",
		"a://lit/{#f}", "b://none"} {
		p.r.AddResourceTemplate(&mcp.ResourceTemplate{URITemplate: text, Name: "n"},
			func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
				return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{Text: text}}}, nil
			})
	}
	f := func(uri, want string) {
		t.Helper()
		a := p.send(readOf(uri), Header{})
		if want == "" {
			want = "Resource not found"
		} else {
			want = `"text":"` + want + `"`
		}
		if !strings.Contains(a.body, want) {
			t.Errorf("%s: %s, want %s", uri, a.body, want)
		}
	}
	f("a://one", "a://{+path}") // as much literal text as a://{x} and a://{host}{/segments*}: the first in order
	f("a://", "a://{+path}")
	f("a://one/b", "a://{x}/b")
	f("a://one/two/three", "a://{+path}")
	f("a://lit/5?q=1&page=2", "a://lit/{x}{?q,page}")
	f("a://lit/#part", "a://lit/{#f}")
	f("a://sp ace", "")
	f("a://caf\u00e9", "")
	f("a://caf%C3%A9/b", "a://{x}/b")
	f("b://none", "b://none")
	f("b://none/", "")
	f("c://one", "")
	f("A://one", "")
	// A resource of that very URI is asked first.
	addResource(p.r, &mcp.Resource{URI: "a://one/b", Name: "n"},
		&mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{Text: "itself"}}})
	f("a://one/b", "itself")
	if n := p.r.RemoveResource("a://one/b", "nobody"); n != 1 {
		t.Error("removed", n)
	}
	f("a://one/b", "a://{x}/b")
	if n := p.r.RemoveResourceTemplate("a://{x}/b", "a://{+path}", "nobody"); n != 2 {
		t.Error("removed", n)
	}
	f("a://one/b", "a://{host}{/segments*}")
	if a := p.send(readOf("a://"+strings.Repeat("x", 3000)), Header{}); !strings.Contains(a.body, "at most 2048 bytes") {
		t.Errorf("%.300s", a.body)
	}
}

// The class of a read is its resource's; a template's is known before it is known whether it matches.
func TestReadClasses(t *testing.T) {
	p := offering(t)
	f := func(uri string, want Class) {
		t.Helper()
		x := exchangeOf(t, readOf(uri))
		if got := p.r.Route(x); got != want {
			t.Errorf("%s: class %d, want %d", uri, got, want)
		}
	}
	f("test://text", Compute)
	f("test://binary", Blocking)
	f("test://item/7/data", Blocking) // the other template of that beginning waits
	f("test://nobody", Inline)
	p.r.RemoveResourceTemplate("test://item/{+path}")
	f("test://item/7/data", Compute)
	f("test://item/<>", Compute)
}

// What a handler returned is not written to, and an answer never exceeds its bound.
func TestOddContents(t *testing.T) {
	p := &peer{r: newFixture(t, func(o *registry.Options) { o.MaxResultBytes = 4096 })}
	p.initialize(t, "2025-11-25")
	f := func(result *mcp.ReadResourceResult, want string) {
		t.Helper()
		addResource(p.r, &mcp.Resource{URI: "test://odd", Name: "n", MIMEType: "a/b"}, result, registry.Replace())
		before, _ := json.Marshal(result)
		a := p.send(readOf("test://odd"), Header{})
		if !strings.Contains(a.body, want) || !json.Valid([]byte(a.body)) || len(a.body) > 4200 {
			t.Errorf("got %.300s\nwant %s", a.body, want)
		}
		if after, _ := json.Marshal(result); !bytes.Equal(before, after) {
			t.Errorf("the handler's result changed: %s, was %s", after, before)
		}
	}
	one := func(c *mcp.ResourceContents) *mcp.ReadResourceResult {
		return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{c}}
	}
	f(one(&mcp.ResourceContents{Text: "t"}), `{"contents":[{"uri":"test://odd","mimeType":"a/b","text":"t"}]}`)
	f(one(&mcp.ResourceContents{URI: "u\"", MIMEType: "m\n", Text: "\xff"}),
		`{"contents":[{"uri":"u\"","mimeType":"m\n","text":"`+"\ufffd"+`"}]}`)
	f(one(&mcp.ResourceContents{Text: "t", Blob: []byte("b")}), `"text":"t","blob":"Yg=="`)
	f(one(nil), `"error":{"code":-32603,"message":"the handler's result cannot be encoded: contents[0]: it is nil"}`)
	f(one(&mcp.ResourceContents{Meta: mcp.Meta{"f": func() {}}}), "cannot be encoded")
	f(&mcp.ReadResourceResult{Contents: one(&mcp.ResourceContents{}).Contents, Meta: mcp.Meta{"f": func() {}}},
		"cannot be encoded")
	f(&mcp.ReadResourceResult{RequestState: "s"}, "asked for input")
	f(nil, "no contents")
	f(one(&mcp.ResourceContents{Text: strings.Repeat("x", 4097)}), "result too large")
	f(one(&mcp.ResourceContents{Text: strings.Repeat("\x01", 1000)}), "result too large") // six bytes each
	f(one(&mcp.ResourceContents{Blob: make([]byte, 3100)}), "result too large")
}

// Reads obey Cancel as calls do.
func TestCancelRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t)
		r.AddResource(&mcp.Resource{URI: "test://slow", Name: "n"},
			func(ctx context.Context, _ *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			})
		x := exchangeOf(t, readOf("test://slow"))
		r.Route(x)
		answer := make(chan []byte)
		go func() { answer <- r.Dispatch(x, nil) }()
		synctest.Wait()
		x.Cancel()
		if out := <-answer; len(out) != 0 || x.Outcome != Cancelled {
			t.Errorf("answered %s, outcome %d", out, x.Outcome)
		}
		x = exchangeOf(t, readOf("test://slow"))
		r.Route(x)
		x.Cancel()
		if out := r.Dispatch(x, nil); len(out) != 0 {
			t.Errorf("answered %s", out)
		}
		if !strings.Contains(scrape(r), `weir_handler_calls_total{method="resources/read",outcome="cancelled"} 2`) {
			t.Error("not counted")
		}
	})
}

// What is offered may change while it is listed, read and got.
func TestOffersChangeWhileServing(t *testing.T) {
	r := offering(t).r
	messages := []string{readOf("test://change/1"), readOf("test://item/1/data"),
		`{"jsonrpc":"2.0","id":1,"method":"resources/list"}`,
		`{"jsonrpc":"2.0","id":1,"method":"resources/templates/list"}`, `{"jsonrpc":"2.0","id":1,"method":"prompts/list"}`,
		`{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"change"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"greet"},"argument":{"name":"who","value":"none"}}}`}
	static := &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{Text: "t"}}}
	var done sync.WaitGroup
	for worker := range 4 {
		done.Go(func() {
			p := &peer{r: r}
			p.initialize(t, "2025-11-25")
			for i := range 200 {
				switch {
				case worker == 0:
					addResource(r, &mcp.Resource{URI: fmt.Sprint("test://change/", i%3), Name: "n"}, static, registry.Replace())
					r.AddResourceTemplate(&mcp.ResourceTemplate{URITemplate: "test://item/{id}/data", Name: "n"},
						func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
							return static,
								nil
						}, registry.Replace())
					r.AddPrompt(&mcp.Prompt{Name: "change"}, greet, registry.Replace())
					r.SetCompletion(complete)
				case worker == 1:
					r.RemoveResource("test://change/1")
					r.RemoveResourceTemplate("test://item/{id}/data")
					r.RemovePrompt("change")
					r.SetCompletion(nil)
				default:
					if a := p.send(messages[i%len(messages)], Header{}); !json.Valid([]byte(a.body)) {
						t.Error(a.body)
					}
				}
			}
		})
	}
	done.Wait()
}
