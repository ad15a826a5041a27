package reactor

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"weir/reactor/mount"
)

// What a legacy mount asks a client for while it works reaches the client of the call, in the way of its era.

const (
	elicits = `{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{"message":"who?","requestedSchema":` +
		`{"type":"object","properties":{"name":{"type":"string"}},"required":["name"]}}}`
	canElicit = `"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":` +
		`{"elicitation":{}}`
)

// answered reads what the mount is told of its question.
func (p *played) answered() string {
	p.t.Helper()
	line, err := p.in.ReadString('\n')
	must(p.t, err)
	return strings.TrimSuffix(line, "\n")
}

// TestMountAsksModern: for a client of 2026-07-28 the call ends with input_required and goes on with the next.
func TestMountAsksModern(t *testing.T) {
	s, p := mounted(t, nil)
	p.greet(toolA)
	c := up(t, s, 1)
	c.say(callOf(1, "m_a", `,"arguments":{"n":1},"_meta":{`+canElicit+`}`))
	m := p.hear("tools/call")
	p.say(elicits)
	var required struct {
		Result struct {
			ResultType    string                     `json:"resultType"`
			InputRequests map[string]json.RawMessage `json:"inputRequests"`
			RequestState  string                     `json:"requestState"`
		}
	}
	line := c.hear()
	must(t, json.Unmarshal([]byte(line), &required))
	if r := required.Result; r.ResultType != "input_required" || r.RequestState == "" ||
		!strings.Contains(string(r.InputRequests["0"]), `"message":"who?"`) {
		t.Fatal(line)
	}
	if m := s.Status().Mounts[0]; m.InFlight != 0 || m.RequestBytes != 0 {
		t.Errorf("%+v", m)
	}
	state, _ := json.Marshal(required.Result.RequestState)
	again := func(id int, answer string) string {
		return callOf(id, "m_a", `,"arguments":{"n":1},"requestState":`+string(state)+answer+`,"_meta":{`+canElicit+`}`)
	}
	c.say(again(2, "")) // without an answer it is asked again
	if got := c.hear(); !strings.Contains(got, `"id":2,`) || !strings.Contains(got, `"message":"who?"`) {
		t.Error(got)
	}
	c.say(again(3, `,"inputResponses":{"0":{"action":"accept","content":{"name":"Ann"}}}`))
	if got := p.answered(); got != `{"jsonrpc":"2.0","id":"q","result":{"action":"accept","content":{"name":"Ann"}}}` {
		t.Error(got)
	}
	p.say(`{"jsonrpc":"2.0","id":%s,"result":{"content":[]}}`, m.ID)
	if got := c.hear(); !strings.Contains(got, `"id":3,"result":{"content":[],"resultType":"complete"`) {
		t.Error(got)
	}
	c.say(again(4, `,"inputResponses":{"0":{"action":"decline"}}`)) // the call is over there
	if got := c.hear(); !strings.Contains(got, `"id":4,`) || !strings.Contains(got, `"mount_lost"`) {
		t.Error(got)
	}
}

// TestMountAsksLegacy: a legacy client is sent the request while its call is suspended.
func TestMountAsksLegacy(t *testing.T) {
	s, p := mounted(t, nil)
	p.greet(toolA)
	up(t, s, 1)
	c := s.dial("tcp")
	c.send(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":` +
		`{"elicitation":{},"roots":{}},"clientInfo":{"name":"t","version":"1"}}}` + "\n")
	c.line()
	c.send(`{"jsonrpc":"2.0","method":"notifications/initialized"}` + "\n" + callOf(1, "m_a", "") + "\n")
	m := p.hear("tools/call")
	for _, q := range []struct{ ask, answer string }{
		{elicits, `{"action":"accept","content":{"name":"Bo"}}`},
		{`{"jsonrpc":"2.0","id":"q","method":"roots/list"}`, `{"roots":[{"uri":"file:///x"}]}`},
	} {
		p.say("%s", q.ask)
		var asked said
		line := c.line()
		must(t, json.Unmarshal([]byte(line), &asked))
		if asked.Method == "" || !strings.Contains(q.ask, asked.Method) {
			t.Errorf("%+v", asked)
		}
		c.send(`{"jsonrpc":"2.0","id":` + string(asked.ID) + `,"result":` + q.answer + `}` + "\n")
		if got := p.answered(); got != `{"jsonrpc":"2.0","id":"q","result":`+q.answer+`}` {
			t.Error(got)
		}
	}
	p.say(`{"jsonrpc":"2.0","id":%s,"result":{"content":[]}}`, m.ID)
	contains(t, c.line(), `"id":1,"result":{"content":[]}`)
}

// TestMountAsksInVain: who cannot be asked ends the call, at both ends; so does who does not answer in time; and with two
// calls in progress nobody can tell whose client is meant.
func TestMountAsksInVain(t *testing.T) {
	s, p := mounted(t, func(o *mount.Options) { o.ClientRequestTimeout = time.Second })
	p.greet(toolA)
	c := up(t, s, 1) // declares nothing
	for _, meta := range []string{"", `,"_meta":{` + modernMeta + `}`} {
		c.say(callOf(1, "m_a", meta))
		m := p.hear("tools/call")
		p.say(elicits)
		if got := c.hear(); !strings.Contains(got, `"requiredCapabilities":{"elicitation":{"form":{}}}`) {
			t.Error(got)
		}
		if got := p.answered(); !strings.Contains(got, `"id":"q","error"`) {
			t.Error(got)
		}
		if gone := p.hear("notifications/cancelled"); string(gone.Params) != `{"requestId":`+string(m.ID)+`}` {
			t.Errorf("%s", gone.Params)
		}
	}
	c.say(callOf(2, "m_a", `,"_meta":{`+canElicit+`}`))
	p.hear("tools/call")
	p.say(elicits)
	contains(t, c.hear(), "input_required")
	if got := p.answered(); !strings.Contains(got, "did not answer") { // after client_request_timeout
		t.Error(got)
	}
	p.hear("notifications/cancelled")
	c.say(callOf(3, "m_a", ""))
	c.say(callOf(4, "m_a", ""))
	first, second := p.hear("tools/call"), p.hear("tools/call")
	p.say(elicits)
	if got := p.answered(); !strings.Contains(got, "which call asks") {
		t.Error(got)
	}
	for _, m := range []said{first, second} {
		p.say(`{"jsonrpc":"2.0","id":%s,"result":{"content":[]}}`, m.ID)
		contains(t, c.hear(), `"result":{"content":[]}`)
	}
	s.eventually("nothing is held", func() bool {
		m := s.Status().Mounts[0]
		return m.InFlight+m.Waiting+m.RequestBytes+m.AnswerBytes == 0
	})
}

// TestMountAsksOfAnother: the state of a call that asks at one mount means nothing at another, where a tool of the same
// name asks somebody else from the same place in the table.
func TestMountAsksOfAnother(t *testing.T) {
	s, one, two := twoMounts(t)
	asks := func(path, rest string, then func()) string {
		came := make(chan string, 1)
		go func() {
			_, body := s.asks(path, callOf(1, "a", rest+`,"_meta":{`+canElicit+`}`), "MCP-Protocol-Version: 2026-07-28",
				"Mcp-Method: tools/call", "Mcp-Name: a")
			came <- body
		}()
		then()
		return <-came
	}
	var required struct{ Result struct{ RequestState string } }
	for path, p := range map[string]*played{"/mcp/one": one, "/mcp/two": two} {
		line := asks(path, "", func() {
			p.hear("tools/call")
			p.say(elicits)
		})
		if contains(t, line, "input_required"); p == one {
			must(t, json.Unmarshal([]byte(line), &required))
		}
	}
	state, _ := json.Marshal(required.Result.RequestState)
	contains(t, asks("/mcp/two", `,"requestState":`+string(state), func() {}), `"mount_lost"`)
}
