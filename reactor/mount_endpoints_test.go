package reactor

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"weir/backpressure"
	"weir/reactor/mount"
	"weir/registry"
	"weir/registry/offer"
)

// The endpoints of mounts, and what principals see.

// asks POSTs a message to a path, on a connection of its own.
func (s *server) asks(path, body string, headers ...string) (*http.Response, string) {
	s.t.Helper()
	p := s.dial("http")
	defer p.Close()
	p.send(postTo(path, body, headers...))
	return p.response()
}

// sessionAt begins a session at a path and returns the header that names it.
func (s *server) sessionAt(path string, headers ...string) string {
	s.t.Helper()
	r, body := s.asks(path, hello, headers...)
	id := r.Header.Get("Mcp-Session-Id")
	if r.StatusCode != 200 || id == "" {
		s.t.Fatalf("%s: %s %s", path, r.Status, body)
	}
	return "Mcp-Session-Id: " + id
}

// listedIn are the names, or URIs, in the list that a result has.
func listedIn(t *testing.T, answer string) (names []string) {
	t.Helper()
	var read struct {
		Result map[string]json.RawMessage
	}
	must(t, json.Unmarshal([]byte(answer), &read))
	for _, list := range []string{"tools", "prompts", "resources", "resourceTemplates"} {
		var entries []struct{ Name, URI, URITemplate string }
		if raw, has := read.Result[list]; has {
			must(t, json.Unmarshal(raw, &entries))
			for _, e := range entries {
				names = append(names, max(e.URI, e.URITemplate, e.Name))
			}
			return names
		}
	}
	t.Fatalf("no list: %s", answer)
	return nil
}

func listOf(what string) string {
	return `{"jsonrpc":"2.0","id":1,"method":"` + what + `/list","params":{}}`
}

func modernListOf(what string) string {
	return `{"jsonrpc":"2.0","id":1,"method":"` + what + `/list","params":{"_meta":{` + modernMeta + `}}}`
}

// twoMounts is a server with the mounts one and two, which the test plays and which have listed tool a.
func twoMounts(t *testing.T, tunes ...tune) (s *server, one, two *played) {
	t.Helper()
	one, to1 := playedOn(t)
	two, to2 := playedOn(t)
	s = startConfig(t, func(c *Config) { c.Mounts = map[string]*mount.Options{"one": to1, "two": to2} }, tunes...)
	for _, p := range []*played{one, two} {
		p.accept()
		m := p.hear("initialize")
		p.say(`{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{"listChanged":true}}}}`,
			m.ID)
		p.hear("notifications/initialized")
		p.list(toolA)
	}
	s.eventually("the mounts are there", func() bool {
		m := s.Status().Mounts
		return m[0].Up && m[1].Up
	})
	return s, one, two
}

// calls makes a call at a path that a mount answers.
func (s *server) calls(p *played, path, body string, headers ...string) {
	s.t.Helper()
	c := s.dial("http")
	defer c.Close()
	c.send(postTo(path, body, headers...))
	m := p.hear("tools/call")
	if string(m.Params) != `{"name":"a"}` {
		s.t.Errorf("%s", m.Params)
	}
	p.say(`{"jsonrpc":"2.0","id":%s,"result":{"content":[]}}`, m.ID)
	if r, answer := c.response(); r.StatusCode != 200 || !strings.Contains(answer, `"content":[]`) {
		s.t.Errorf("%s %s", r.Status, answer)
	}
}

// TestEndpoints: a mount has an endpoint of its own, where nothing has a prefix, in both eras. A session is one of the
// endpoint at which it began.
func TestEndpoints(t *testing.T) {
	s, one, two := twoMounts(t)
	session := s.sessionAt("/mcp/one")
	lists := func(path string, want ...string) {
		t.Helper()
		_, answer := s.asks(path, modernListOf("tools"), "MCP-Protocol-Version: 2026-07-28", "Mcp-Method: tools/list")
		if got := listedIn(t, answer); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	lists("/mcp/one", "a")
	lists("/mcp/two/", "a")
	_, answer := s.asks("/mcp/one", listOf("tools"), session)
	if got := listedIn(t, answer); !slices.Equal(got, []string{"a"}) {
		t.Errorf("%q", got)
	}
	_, answer = s.asks("/mcp", listOf("tools"), s.sessionAt("/mcp"))
	if got := listedIn(t, answer); !slices.Contains(got, "one_a") || !slices.Contains(got, "two_a") ||
		slices.Contains(got, "a") {
		t.Errorf("%q", got)
	}
	s.calls(one, "/mcp/one", callOf(1, "a", ""), session)
	s.calls(two, "/mcp/two", callOf(1, "a", `,"_meta":{`+modernMeta+`}`), "MCP-Protocol-Version: 2026-07-28",
		"Mcp-Method: tools/call", "Mcp-Name: a")
	s.calls(one, "/mcp", callOf(1, "one_a", ""), s.sessionAt("/mcp"))
	for _, path := range []string{"/mcp", "/mcp/two"} {
		if r, answer := s.asks(path, listOf("tools"), session); r.StatusCode != 404 {
			t.Errorf("%s takes a session of /mcp/one: %s %s", path, r.Status, answer)
		}
		p := s.dial("http")
		p.send("DELETE " + path + " HTTP/1.1\r\nHost: localhost\r\n" + session + "\r\n\r\n")
		if r, _ := p.response(); r.StatusCode != 404 {
			t.Errorf("%s ends a session of /mcp/one: %s", path, r.Status)
		}
	}
	_, answer = s.asks("/mcp/one", callOf(1, "one_a", ""), session)
	contains(t, answer, `"code":-32602`, "one_a")
	for _, path := range []string{"/mcp/three", "/mcp/one%20", "/mcp/ONE"} {
		r, answer := s.asks(path, hello)
		if r.StatusCode != 404 {
			t.Errorf("%s: %s", path, r.Status)
		}
		contains(t, answer, `"reason":"endpoint_unknown"`)
	}
	if s.engine.Sessions() != 3 {
		t.Errorf("%d sessions", s.engine.Sessions())
	}
}

// TestEndpointsChange: who is connected to the endpoint of a mount hears of changes of its lists, and of no others.
func TestEndpointsChange(t *testing.T) {
	s, one, two := twoMounts(t, withSSE)
	first, second := s.websocketAt("/mcp/one"), s.websocketAt("/mcp/two")
	for _, p := range []*peer{first, second} {
		p.text(hello)
		contains(t, string(p.received().Payload), `"id":0`)
	}
	p := s.dial("http")
	p.send(strings.Replace(getSSE(), "GET /sse ", "GET /sse/one ", 1))
	old := p.stream()
	endpoint := old.next().data
	if !strings.HasPrefix(endpoint, "/sse/one?sessionId=") {
		t.Fatal(endpoint)
	}
	poster := s.dial("http")
	poster.asked(endpoint, hello)
	contains(t, old.message(), `"id":0`)

	one.say(`{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`)
	one.list(toolA + "," + toolB)
	contains(t, string(first.received().Payload), "notifications/tools/list_changed")
	contains(t, old.message(), "notifications/tools/list_changed")
	first.text(listOf("tools"))
	if got := listedIn(t, string(first.received().Payload)); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("%q", got)
	}
	poster.asked(endpoint, listOf("tools"))
	if got := listedIn(t, old.message()); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("%q", got)
	}
	second.text(listOf("tools"))
	// No change was told before it.
	if got := listedIn(t, string(second.received().Payload)); !slices.Equal(got, []string{"a"}) {
		t.Errorf("%q", got)
	}
	two.say(`{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`)
	two.list(toolB)
	contains(t, string(second.received().Payload), "notifications/tools/list_changed")

	// A mount that is gone has no endpoint; who is connected to it is offered nothing.
	must(t, s.ReplaceMounts(map[string]*mount.Options{}))
	contains(t, string(first.received().Payload), "notifications/tools/list_changed")
	first.text(listOf("tools"))
	answer := string(first.received().Payload)
	for strings.Contains(answer, "list_changed") { // once more: its tools went one by one
		answer = string(first.received().Payload)
	}
	if got := listedIn(t, answer); len(got) != 0 {
		t.Errorf("%q", got)
	}
	if r, _ := s.asks("/mcp/one", hello); r.StatusCode != 404 {
		t.Errorf("%s", r.Status)
	}
}

// TestRename: a tool has the name and the description that its mount's options give it, at both endpoints; names that
// its server does not have are told when its list arrives, and of two with one name the second is left out.
func TestRename(t *testing.T) {
	p, o := playedOn(t)
	o.Tools.Rename = map[string]string{"a": "find", "none": "x"}
	o.Tools.Describe = map[string]string{"a": "Finds.", "gone": "y"}
	var said safeLog
	log := zerolog.New(&said)
	s := startConfig(t, func(c *Config) {
		c.Mounts, c.Log = map[string]*mount.Options{"m": o}, &log
	})
	p.greet(toolA + "," + toolB + `,{"name":"find","inputSchema":{"type":"object"}}`)
	c := up(t, s, 2)
	_, answer := s.asks("/mcp/m", modernListOf("tools"), "MCP-Protocol-Version: 2026-07-28", "Mcp-Method: tools/list")
	if got := listedIn(t, answer); !slices.Equal(got, []string{"b", "find"}) {
		t.Errorf("%q", got)
	}
	contains(t, answer, `"description":"Finds."`)
	c.say(callOf(1, "m_find", ""))
	m := p.hear("tools/call")
	if string(m.Params) != `{"name":"a"}` {
		t.Errorf("%s", m.Params)
	}
	p.say(`{"jsonrpc":"2.0","id":%s,"result":{"content":[]}}`, m.ID)
	c.want(`{"jsonrpc":"2.0","id":1,"result":{"content":[]}}`)
	c.say(callOf(2, "m_a", ""))
	contains(t, c.hear(), `-32602`)
	contains(t, said.String(), `"keys":["tools.describe.gone","tools.rename.none"]`,
		`"tool":"find","other":"a","name":"find"`)
	if n := s.metric(`weir_tool_calls_total{tool="m_find",outcome="ok"}`); n != "1" {
		t.Error(n)
	}
}

// views has alice see tools of mount one and what else is said, and nobody else anything.
func views(_ *Options, _ *backpressure.Options, r *registry.Options) {
	r.Views = map[string]*offer.Options{"v": {Principals: []string{"alice"},
		Tools:     offer.Filter{Allow: []string{"one_*", "echo"}, Deny: []string{"one_b"}},
		Prompts:   offer.Filter{Deny: []string{"*"}},
		Resources: offer.Filter{Deny: []string{"test://any/secret*"}}}}
}

// TestViews: what is not in a principal's view is to it as if it did not exist, at every endpoint; it hears of no change
// there either.
func TestViews(t *testing.T) {
	s, one, _ := twoMounts(t, guarded, views)
	lists := func(path, principal string, want ...string) {
		t.Helper()
		_, answer := s.asks(path, modernListOf("tools"), bearing(principal), "MCP-Protocol-Version: 2026-07-28",
			"Mcp-Method: tools/list")
		if got := listedIn(t, answer); !slices.Equal(got, want) {
			t.Errorf("%s at %s: %q, want %q", principal, path, got, want)
		}
	}
	lists("/mcp", "alice", "echo", "one_a")
	lists("/mcp/one", "alice", "a")
	lists("/mcp/two", "alice")
	lists("/mcp", "bob")
	lists("/mcp/one", "bob")
	session := s.sessionAt("/mcp", bearing("alice"))
	s.calls(one, "/mcp", callOf(1, "one_a", ""), bearing("alice"), session)
	for _, tool := range []string{"two_a", "one_b", "a"} {
		_, answer := s.asks("/mcp", callOf(1, tool, ""), bearing("alice"), session)
		contains(t, answer, fmt.Sprintf(`"code":-32602,"message":"Unknown tool: %s"`, tool))
	}
	_, answer := s.asks("/mcp", callOf(1, "echo", ""), bearing("bob"), s.sessionAt("/mcp", bearing("bob")))
	contains(t, answer, `"code":-32602,"message":"Unknown tool: echo"`)
	r, _ := s.asks("/mcp/three", hello)
	if r.StatusCode != 401 { // who may not come learns nothing of what there is
		t.Error(r.Status)
	}

	p := s.websocketAt("/mcp/one", bearing("alice"))
	p.text(hello)
	contains(t, string(p.received().Payload), `"id":0`)
	one.say(`{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`)
	one.list(toolA + "," + toolB)
	s.eventually("the mount has another tool", func() bool { return s.Status().Mounts[0].Tools == 2 })
	p.text(listOf("tools"))
	if got := listedIn(t, string(p.received().Payload)); !slices.Equal(got, []string{"a"}) { // and no change before it
		t.Errorf("%q", got)
	}
	one.say(`{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`)
	one.list(toolB)
	contains(t, string(p.received().Payload), "notifications/tools/list_changed")
	lists("/mcp/one", "alice")
}

// TestViewsOfOthers: prompts, resources, completions and subscriptions obey a view too.
func TestViewsOfOthers(t *testing.T) {
	s := start(t, guarded, views)
	s.addOffers()
	p := s.websocketAt("/mcp", bearing("alice"))
	f := func(method, params string, want ...string) {
		t.Helper()
		p.text(`{"jsonrpc":"2.0","id":1,"method":"` + method + `","params":{` + params + `}}`)
		contains(t, string(p.received().Payload), want...)
	}
	p.text(hello)
	contains(t, string(p.received().Payload), `"id":0`)
	f("prompts/list", "", `"prompts":[]`)
	f("prompts/get", `"name":"greet"`, `-32602`, "Unknown prompt: greet")
	f("completion/complete", `"ref":{"type":"ref/prompt","name":"greet"},"argument":{"name":"who","value":"a"}`, `-32602`,
		"Unknown prompt: greet")
	f("resources/list", "", `"test://a"`)
	f("resources/templates/list", "", `"test://any/{name}"`)
	f("resources/read", `"uri":"test://any/x"`, "contents of test://any/x")
	f("resources/read", `"uri":"test://any/secret1"`, `-32002`)
	f("resources/subscribe", `"uri":"test://any/secret1"`, `-32002`)
	f("resources/subscribe", `"uri":"test://any/x"`, `"result":{}`)
	f("tools/list", "", `"name":"echo"}]}`)

	bob := s.websocketAt("/mcp", bearing("bob"))
	bob.text(hello)
	contains(t, string(bob.received().Payload), `"id":0`)
	bob.text(`{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"test://a"}}`)
	contains(t, string(bob.received().Payload), `-32002`)
	listen := s.dial("http")
	listen.send(post(`{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"_meta":{`+modernMeta+`},`+
		`"notifications":{"resourceSubscriptions":["test://any/secret1","test://any/x"]}}}`, bearing("alice"),
		"MCP-Protocol-Version: 2026-07-28", "Mcp-Method: subscriptions/listen"))
	acknowledged := listen.stream().next().data
	contains(t, acknowledged, `"resourceSubscriptions":["test://any/x"]`)
}
