package reactor

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"weir/reactor/mount"
)

// What a mount has besides tools: prompts, resources, templates, completions.

const (
	promptP  = `{"name":"p","title":"P","arguments":[{"name":"who","required":true}]}`
	resource = `{"uri":"test://one","name":"one","size":3,"mimeType":"text/plain"}`
	template = `{"uriTemplate":"test://many/{id}","name":"many"}`
)

// greetAll is a legacy greeting of a server that has everything, and its lists.
func (p *played) greetAll(tools, prompts, resources, templates string) {
	p.t.Helper()
	p.accept()
	m := p.hear("initialize")
	p.say(`{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{},"prompts":{},`+
		`"resources":{"subscribe":true},"completions":{}},"serverInfo":{"name":"p","version":"1"}}}`, m.ID)
	p.hear("notifications/initialized")
	p.list(tools)
	p.page("prompts/list", "prompts", prompts)
	p.page("resources/list", "resources", resources)
	p.page("resources/templates/list", "resourceTemplates", templates)
}

func (p *played) page(method, member, entries string) {
	p.t.Helper()
	m := p.hear(method)
	p.say(`{"jsonrpc":"2.0","id":%s,"result":{%q:[%s]}}`, m.ID, member, entries)
}

// requestOf is a request; meta is what it has as _meta.
func requestOf(id int, method, params string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":{%s}}`, id, method, params)
}

const serverIs = `"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"weir","version":"dev"}}`

// TestMountOffers: prompts are called as tools are, resources what they are there; requests and results pass as bytes,
// in both eras.
func TestMountOffers(t *testing.T) {
	s, p := mounted(t, nil)
	p.greetAll(toolA, promptP, resource, template)
	c := up(t, s, 1)
	ask := func(method, params, there, answer, want string) {
		t.Helper()
		c.say(requestOf(1, method, params))
		m := p.hear(method)
		if string(m.Params) != there {
			t.Errorf("%s\ngot  %s\nwant %s", method, m.Params, there)
		}
		p.say(`{"jsonrpc":"2.0","id":%s,%s}`, m.ID, answer)
		c.want(`{"jsonrpc":"2.0","id":1,` + want + `}`)
	}
	const modern = `,"_meta":{` + modernMeta + `}`
	const messages = `"messages":[ {"role":"user","content":{"type":"text","text":"\u00e4"}}],"new":1.0`
	ask("prompts/get", `"name":"m_p","arguments":{"who": "\u00e4"}`, `{"name":"p","arguments":{"who": "\u00e4"}}`,
		`"result":{`+messages+`}`, `"result":{`+messages+`}`)
	ask("prompts/get", `"name":"m_p"`+modern, `{"name":"p"}`, `"result":{`+messages+`}`,
		`"result":{`+messages+`,"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":`+
			`{"name":"weir","version":"dev"}}}`)
	const contents = `"contents":[{"uri":"test://one","text":"\u00e4", "x":1.50}]`
	ask("resources/read", `"uri":"test://one"`, `{"uri":"test://one"}`, `"result":{`+contents+`}`,
		`"result":{`+contents+`}`)
	ask("resources/read", `"uri":"test://many/7"`+modern, `{"uri":"test://many/7"}`, `"result":{`+contents+`}`,
		`"result":{`+contents+`,"ttlMs":0,"cacheScope":"private",`+serverIs+`}`)
	ask("resources/read", `"uri":"test:\/\/one","_meta":{"v":1}`, `{"uri":"test:\/\/one","_meta":{"v":1}}`,
		`"error":{"code":-32002,"message":"gone","data":{"n":1.0}}`,
		`"error":{"code":-32002,"message":"gone","data":{"n":1.0}}`)
	ask("resources/read", `"uri":"test://one"`+modern, `{"uri":"test://one"}`, `"error":{"code":-32002,"message":"gone"}`,
		`"error":{"code":-32602,"message":"Resource not found","data":{"uri":"test://one"}}`)
	const values = `"completion":{"values":["x","y"],"hasMore":false}`
	ask("completion/complete", `"ref":{"type":"ref/prompt","name":"m_p"},"argument":{"name":"who","value":"\u00e4"}`,
		`{"ref":{"type":"ref/prompt","name":"p"},"argument":{"name":"who","value":"\u00e4"}}`,
		`"result":{`+values+`}`, `"result":{`+values+`}`)
	const many = `"argument":{"name":"id","value":""},"ref":{"uri":"test://many/{id}","type":"ref/resource"}`
	ask("completion/complete", many+modern, `{`+many+`}`,
		`"result":{`+values+`}`, `"result":{`+values+`,`+serverIs+`}`)
	const unknown = `"ref":{"type":"ref/prompt","name":"no"},"argument":{"name":"a","value":""}`
	for _, q := range [][2]string{
		{"prompts/list", `"prompts":[{"arguments":[{"name":"who","required":true}],"name":"m_p","title":"P"}]`},
		{"resources/list", `"resources":[{"mimeType":"text/plain","name":"one","size":3,"uri":"test://one"}]`},
		{"resources/templates/list", `"resourceTemplates":[{"name":"many","uriTemplate":"test://many/{id}"}]`},
		{"completion/complete " + unknown, `Unknown prompt: no`},
		{`resources/read "uri":"test://two"`, `"code":-32002`},
		{`server/discover "_meta":{` + modernMeta + `}`, `"completions":{}`},
	} {
		method, params, _ := strings.Cut(q[0], " ")
		c.say(requestOf(1, method, params))
		contains(t, c.hear(), q[1])
	}
	if m := s.Status().Mounts[0]; m.Prompts != 1 || m.Resources != 2 || m.InFlight+m.RequestBytes != 0 {
		t.Errorf("%+v", m)
	}
}

// TestMountOffersOlder: a client of a revision that has fewer members gets results without the others.
func TestMountOffersOlder(t *testing.T) {
	s, p := mounted(t, nil)
	p.greetAll(toolA, promptP, resource, "")
	up(t, s, 1)
	c := s.dial("tcp")
	c.send(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2024-11-05","capabilities":{},` +
		`"clientInfo":{"name":"t","version":"1"}}}` + "\n")
	contains(t, c.line(), `"prompts"`)
	c.send(`{"jsonrpc":"2.0","method":"notifications/initialized"}` + "\n" +
		requestOf(1, "prompts/get", `"name":"m_p"`) + "\n")
	m := p.hear("prompts/get")
	p.say(`{"jsonrpc":"2.0","id":%s,"result":{"messages":[{"role":"user","content":{"type":"audio","data":"AA==",`+
		`"mimeType":"audio/wav"}}]}}`, m.ID)
	contains(t, c.line(), `"id":1`, "audio left out")
	c.send(requestOf(2, "resources/read", `"uri":"test://one"`) + "\n")
	m = p.hear("resources/read")
	p.say(`{"jsonrpc":"2.0","id":%s,"result":{"contents":[{"uri":"test://one","blob":"AA==","_meta":{"x":1}}]}}`, m.ID)
	if got := c.line(); got != `{"jsonrpc":"2.0","id":2,"result":{"contents":[{"uri":"test://one","blob":"AA=="}]}}` {
		t.Error(got)
	}
}

// TestMountOffersModern: what a mount of the modern era says of caching is for clients of its era, and its error for a
// resource that it has not is told legacy ones in their words.
func TestMountOffersModern(t *testing.T) {
	s, p := mounted(t, func(o *mount.Options) { o.Era = "modern" })
	p.accept()
	m := p.hear("server/discover")
	p.say(`{"jsonrpc":"2.0","id":%s,"result":{"resultType":"complete","supportedVersions":["2026-07-28"],`+
		`"capabilities":{"resources":{}}}}`, m.ID)
	p.list("")
	p.page("resources/list", "resources", resource)
	p.page("resources/templates/list", "resourceTemplates", "")
	c := up(t, s, 0)
	const result = `{"resultType":"complete","contents":[{"uri":"test://one","text":"x"}],"ttlMs":5,"cacheScope":"public"}`
	for meta, want := range map[string]string{
		"": `{"jsonrpc":"2.0","id":1,"result":{"contents":[{"uri":"test://one","text":"x"}]}}`,
		`,"_meta":{` + modernMeta + `}`: `{"jsonrpc":"2.0","id":1,"result":{"contents":[{"uri":"test://one","text":"x"}],` +
			`"ttlMs":5,"cacheScope":"public",` + serverIs + `}}`,
	} {
		c.say(requestOf(1, "resources/read", `"uri":"test://one"`+meta))
		m = p.hear("resources/read")
		p.say(`{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, result)
		c.want(want)
	}
	c.say(requestOf(2, "resources/read", `"uri":"test://one"`))
	m = p.hear("resources/read")
	p.say(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32602,"message":"Resource not found"}}`, m.ID)
	c.want(`{"jsonrpc":"2.0","id":2,"error":{"code":-32002,"message":"Resource not found","data":{"uri":"test://one"}}}`)
}

// TestMountOffersChange: a list that has changed is asked for again, that one alone and once; what cannot be listed or
// is another's is left out, and the log names both.
func TestMountOffersChange(t *testing.T) {
	var log safeLog
	logger := zerolog.New(&log)
	mounts, played := map[string]*mount.Options{}, map[string]*played{}
	for _, name := range []string{"a", "b"} {
		path := t.TempDir() + "/m.sock"
		ln, err := net.Listen("unix", path)
		must(t, err)
		t.Cleanup(func() { ln.Close() })
		one := mount.DefaultOptions()
		one.Unix, one.Prefix = path, ""
		mounts[name], played[name] = &one, playedAt(t, ln)
	}
	s := startConfig(t, func(c *Config) { c.Mounts, c.Log = mounts, &logger })
	played["a"].greetAll(toolA, promptP, resource, template)
	s.eventually("a is there", func() bool { return s.Status().Mounts[0].Up })
	b := played["b"]
	b.greetAll(toolB, promptP, resource, template)
	s.eventually("b is there", func() bool { return s.Status().Mounts[1].Up })
	for _, part := range []string{
		`mount a offers \"p\" already: give mount b or a another prefix`,
		`mount a offers \"test://one\" already: URIs are not changed, so mount b or a has to have another`,
		`mount a offers \"test://many/{id}\" already`} {
		contains(t, log.String(), part)
	}
	c := initialized(t, s)
	b.say(`{"jsonrpc":"2.0","method":"notifications/prompts/list_changed"}`)
	b.say(`{"jsonrpc":"2.0","method":"notifications/prompts/list_changed"}`)
	b.page("prompts/list", "prompts", strings.Replace(promptP, `"p"`, `"q"`, 1))
	s.eventually("b has a prompt", func() bool { return s.Status().Mounts[1].Prompts == 1 })
	b.say(`{"jsonrpc":"2.0","method":"notifications/resources/list_changed"}`)
	b.page("resources/list", "resources", strings.Replace(resource, "one", "two", 1))
	m := b.hear("resources/templates/list")
	b.say(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32603,"message":"not now"}}`, m.ID)
	s.eventually("b has a resource", func() bool { return s.Status().Mounts[1].Resources == 1 })
	c.say(requestOf(1, "resources/read", `"uri":"test://two"`))
	m = b.hear("resources/read")
	b.say(`{"jsonrpc":"2.0","id":%s,"result":{"contents":[]}}`, m.ID)
	c.want(`{"jsonrpc":"2.0","id":1,"result":{"contents":[]}}`)
	played["a"].say(`{"jsonrpc":"2.0","method":"notifications/prompts/list_changed"}`)
	played["a"].page("prompts/list", "prompts", "")
	s.eventually("a has none", func() bool { return s.Status().Mounts[0].Prompts == 0 })
	c.say(requestOf(2, "prompts/list", ""))
	if got := c.hear(); !strings.Contains(got, `"name":"q"`) || strings.Contains(got, `"name":"p"`) {
		t.Error(got)
	}
}

func playedAt(t *testing.T, ln net.Listener) *played { return &played{t: t, ln: ln} }
