package reactor

import (
	"fmt"
	"strings"
	"testing"

	"weir/reactor/mount"
)

// What a mount says unasked: updates of resources that clients subscribe to, log messages, progress.

func (p *played) answer(m said, result string) {
	p.t.Helper()
	p.say(`{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, result)
}

// TestMountFollows: a resource is subscribed to at its mount with its first subscriber, and no more with its last; all
// of them hear of it, in both eras, also when the mount has been begun again.
func TestMountFollows(t *testing.T) {
	s, p := mounted(t, nil)
	p.greetAll(toolA, "", resource, template)
	first, second := up(t, s, 1), initialized(t, s)
	first.say(requestOf(1, "resources/subscribe", `"uri":"test://one"`))
	contains(t, first.hear(), `"id":1,"result":{}`)
	m := p.hear("resources/subscribe")
	if string(m.Params) != `{"uri":"test://one"}` {
		t.Errorf("%s", m.Params)
	}
	p.answer(m, "{}")
	second.say(requestOf(2, "subscriptions/listen", `"notifications":{"resourceSubscriptions":["test://one","test://many/3",`+
		`"test://nobodys"]},"_meta":{`+modernMeta+`}`))
	contains(t, second.hear(), "acknowledged")
	m = p.hear("resources/subscribe") // the one that has no subscriber yet
	if string(m.Params) != `{"uri":"test://many/3"}` {
		t.Errorf("%s", m.Params)
	}
	p.answer(m, "{}")
	p.say(`{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"test://nobodys"}}`)
	p.say(`{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"test://one"}}`)
	const updated = `"method":"notifications/resources/updated","params":{`
	first.want(`{"jsonrpc":"2.0",` + updated + `"uri":"test://one"}}`)
	contains(t, second.hear(), updated, `"uri":"test://one"`, "subscriptionId")
	first.say(requestOf(3, "resources/unsubscribe", `"uri":"test://one"`))
	contains(t, first.hear(), `"id":3,"result":{}`)
	second.say(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}}`)
	gone := map[string]bool{}
	for range 2 {
		m = p.hear("resources/unsubscribe")
		gone[string(m.Params)] = true
		p.answer(m, "{}")
	}
	if !gone[`{"uri":"test://one"}`] || !gone[`{"uri":"test://many/3"}`] {
		t.Error(gone)
	}
	first.say(requestOf(4, "resources/subscribe", `"uri":"test://many/5"`))
	p.answer(p.hear("resources/subscribe"), "{}")
	contains(t, first.hear(), `"id":4,`)
	p.conn.Close()
	p.greetAll(toolA, "", resource, template)
	if m = p.hear("resources/subscribe"); string(m.Params) != `{"uri":"test://many/5"}` {
		t.Errorf("%s", m.Params)
	}
	p.answer(m, "{}")
	p.say(`{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"test://many/5"}}`)
	first.want(`{"jsonrpc":"2.0",` + updated + `"uri":"test://many/5"}}`)
}

// TestMountFollowsModern: a mount of the modern era is listened to: for its lists from the beginning, and for what
// clients subscribe to, in one listen at a time.
func TestMountFollowsModern(t *testing.T) {
	s, p := mounted(t, func(o *mount.Options) { o.Era = "modern" })
	p.accept()
	m := p.hear("server/discover")
	p.answer(m, `{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{"listChanged":true},`+
		`"resources":{"subscribe":true}}}`)
	p.list(toolA)
	p.page("resources/list", "resources", resource)
	p.page("resources/templates/list", "resourceTemplates", "")
	listen := p.hear("subscriptions/listen")
	contains(t, string(listen.Params), `"notifications":{"toolsListChanged":true}`, modernMeta[:40])
	c := up(t, s, 1)
	c.say(requestOf(1, "resources/subscribe", `"uri":"test://one"`))
	contains(t, c.hear(), `"id":1,"result":{}`)
	again := p.hear("subscriptions/listen")
	contains(t, string(again.Params), `"notifications":{"toolsListChanged":true,"resourceSubscriptions":["test://one"]}`)
	if gone := p.hear("notifications/cancelled"); string(gone.Params) != `{"requestId":`+string(listen.ID)+`}` {
		t.Errorf("%s", gone.Params)
	}
	p.say(`{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"notifications":{}}}`)
	p.say(`{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"test://one","_meta":{"x":1}}}`)
	c.want(`{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"test://one"}}`)
	p.say(`{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`)
	p.list(toolA + "," + toolB)
	s.eventually("it has two tools", func() bool { return s.Status().Mounts[0].Tools == 2 })
}

// TestMountLogs: a log message reaches the client of the one call in progress, if it is severe enough for it, and the
// mount is told the lowest level that a client wants; with two calls in progress nobody knows whose it is.
func TestMountLogs(t *testing.T) {
	s, p := mounted(t, nil)
	p.accept()
	p.answer(p.hear("initialize"), `{"protocolVersion":"2025-11-25","capabilities":{"logging":{}}}`)
	p.hear("notifications/initialized")
	p.list(toolA)
	c := up(t, s, 1)
	log := func(level string) {
		p.say(`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":%q,"data":{"n": 1.0},"_meta":{}}}`, level)
	}
	heard := func(level string) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":%q,"data":{"n": 1.0}}}`, level)
	}
	told := func(level string) {
		t.Helper()
		m := p.hear("logging/setLevel")
		if string(m.Params) != `{"level":"`+level+`"}` {
			t.Errorf("%s", m.Params)
		}
		p.answer(m, "{}")
	}
	log("error") // no call is in progress
	dropped := func() string { return s.metric(`weir_mount_lines_dropped_total{mount="m",reason="not_passed_on"}`) }
	s.eventually("it was heard", func() bool { return dropped() == "1" })
	c.say(callOf(1, "m_a", ""))
	told("info")
	m := p.hear("tools/call")
	log("debug")
	log("warning")
	c.want(heard("warning"))
	p.answer(m, `{"content":[]}`)
	c.hear()
	c.say(callOf(2, "m_a", `,"_meta":{`+modernMeta+`}`)) // asks for none
	m = p.hear("tools/call")
	log("error")
	p.answer(m, `{"content":[]}`)
	contains(t, c.hear(), `"id":2`)
	c.say(callOf(3, "m_a", `,"_meta":{`+modernMeta+`,"io.modelcontextprotocol/logLevel":"debug"}`))
	told("debug")
	m = p.hear("tools/call")
	log("debug")
	c.want(heard("debug"))
	c.say(callOf(4, "m_a", ""))
	second := p.hear("tools/call")
	log("error")
	p.answer(m, `{"content":[]}`)
	contains(t, c.hear(), `"id":3`)
	p.answer(second, `{"content":[]}`)
	contains(t, c.hear(), `"id":4`)
	if n := dropped(); n != "2" {
		t.Errorf("%s log messages are not passed on", n)
	}
}

// TestMountLogsModern: a mount of the modern era hears with each call what its client wants.
func TestMountLogsModern(t *testing.T) {
	s, p := mounted(t, func(o *mount.Options) { o.Era = "modern" })
	p.accept()
	p.answer(p.hear("server/discover"), `{"supportedVersions":["2026-07-28"],"capabilities":{"logging":{}}}`)
	p.list(toolA)
	c := up(t, s, 1)
	for meta, want := range map[string]string{
		"":                              `logLevel":"info"`,
		`,"_meta":{` + modernMeta + `}`: "",
		`,"_meta":{` + modernMeta + `,"io.modelcontextprotocol/logLevel":"error"}`: `logLevel":"error"`,
	} {
		c.say(callOf(1, "m_a", meta))
		m := p.hear("tools/call")
		if got := string(m.Params); want == "" && strings.Contains(got, "logLevel") || !strings.Contains(got, want) {
			t.Errorf("%s: %s", meta, got)
		}
		p.answer(m, `{"content":[]}`)
		c.hear()
	}
}
