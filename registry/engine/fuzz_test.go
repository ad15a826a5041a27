package engine_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"weir/codec"
	"weir/codec/http1"
	"weir/registry"
	. "weir/registry/engine"
	"weir/registry/protocol"
)

// FuzzDispatch sends any message over any transport to one registry: whatever it is, the server does not fail, answers
// a request exactly once, on one line, as JSON with the request's id, and answers nothing else.
func FuzzDispatch(f *testing.F) {
	for _, message := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"ping"}`,
		`{"jsonrpc":"2.0","id":"a","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{}}}`,
		`{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{` + modernMeta + `}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"dDJaVM5lY2hv"}}`,
		`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`,
		`{"jsonrpc":"2.0","id":1,"result":{}}`,
		echoCall(-7, "x"),
		modernEcho,
		callOf("weather", `{"city":"Oslo","days":1.0}`),
		callOf("query", `{"region":"r","limit":1e2}`),
		callOf("raw", `{"a":[1,{"b":null}]}`),
		callOf("panic", `{}`),
		readOf("test://text"), readOf("test://item/7/data"), readOf("test://gone"),
		`{"jsonrpc":"2.0","id":1,"method":"resources/list","params":{"cursor":"cqp6L_50ZXN0Oi8vbm90aGluZw"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"resources/templates/list"}`,
		`{"jsonrpc":"2.0","id":1,"method":"prompts/list","params":{` + modernMeta + `}}`,
		`{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"greet","arguments":{"who":"","how":null}}}`,
		`{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"greet"},` +
			`"argument":{"name":"who","value":"A"},"context":{"arguments":{"how":"x"}},` + modernMeta + `}}`,
	} {
		f.Add(uint8(0), []byte(message), []byte("2026-07-28"), []byte("tools/call"), []byte("echo"))
		f.Add(uint8(2), []byte(message), []byte("2025-11-25"), []byte("ping"), []byte("=?base64?ZWNobw==?="))
	}
	r := newFixture(f, func(o *registry.Options) { o.MaxSessions = 100 })
	r.RemoveTool("sleep") // it would sleep
	addFixtureOffers(r)
	http := &peer{r: r, transport: HTTP}
	session := []byte(http.initialize(f, "2025-11-25"))
	f.Fuzz(func(t *testing.T, how uint8, message, version, method, name []byte) {
		x := &Exchange{Call: Call{Raw: message}, Transport: Transport(how % 3), InBatch: how&8 != 0}
		if codec.Scan(message, &x.Env, &limits.JSON) != nil {
			return
		}
		x.Conv = new(Conversation)
		if how&4 != 0 {
			x.Conv.Negotiate(int(how)%protocol.LatestLegacy, 0, r.Events())
		}
		if x.Transport == HTTP {
			x.Conv = nil
			x.Header = &Header{ProtocolVersion: version, Method: method, Name: name,
				Params: []http1.Param{{Name: method, Value: name}}}
			if how&4 != 0 {
				x.Header.SessionID = session
			}
		}
		r.Route(x)
		if e := r.Begin(x); e != nil {
			t.Fatal("duplicate", e)
		}
		const before = "what is there already"
		out := r.Dispatch(x, []byte(before))
		r.End(x)
		if !bytes.HasPrefix(out, []byte(before)) {
			t.Fatalf("overwrote: %s", out)
		}
		checkAnswer(t, x, out[len(before):])
	})
}

func checkAnswer(t *testing.T, x *Exchange, out []byte) {
	if x.Env.Kind != codec.KindRequest {
		if len(out) != 0 || x.Outcome == Answered {
			t.Fatalf("answered %s to %s, outcome %d", out, x.Raw, x.Outcome)
		}
		return
	}
	var m struct {
		Version string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Result  json.RawMessage `json:"result"`
		Error   *struct {
			Code    int
			Message string
		} `json:"error"`
	}
	if err := json.Unmarshal(out, &m); err != nil || bytes.ContainsAny(out, "\r\n") {
		t.Fatalf("%s: answered %q: %v", x.Raw, out, err)
	}
	if m.Version != "2.0" || !bytes.Equal(m.ID, x.ID()) || (m.Result == nil) == (m.Error == nil) {
		t.Fatalf("%s: answered %s", x.Raw, out)
	}
	if m.Error != nil && (m.Error.Code == 0 || m.Error.Message == "") {
		t.Fatalf("%s: answered %s", x.Raw, out)
	}
	var decoded codec.Envelope
	if err := codec.Scan(out, &decoded, &limits.JSON); err != nil {
		t.Fatalf("our own scanner refuses %s: %v", out, err)
	}
}

// FuzzTask gives a task any wish, any answers and any cursor: whatever they are, requests are answered as FuzzDispatch
// has it, the task ends once, and nothing of it is left when its time is up.
func FuzzTask(f *testing.F) {
	f.Add(`{}`, `{"who":{"action":"accept","content":{"name":"Ada"}}}`, `"a85Ml6w2"`, uint8(0))
	f.Add(`{"ttl":1e300}`, `{"who":7,"where":{"action":"decline"}}`, `null`, uint8(1))
	f.Add(`{"ttl":-1}`, `{"who-2":{"roots":[]}}`, `"a"`, uint8(2))
	r, b, _ := newJobs(f)
	ways := []string{"this", "both", "insist", "fail", "refuse", "panic", "tell"} // and none that waits
	f.Fuzz(func(t *testing.T, wish, responses, cursor string, way uint8) {
		do := `"` + ways[int(way)%len(ways)] + `"`
		conv := new(Conversation)
		conv.Negotiate(protocol.LatestLegacy, 1, r.Events())
		send := func(message string) string {
			x := &Exchange{Call: Call{Raw: []byte(message), Conv: conv}}
			if codec.Scan(x.Raw, &x.Env, &limits.JSON) != nil {
				return ""
			}
			r.Route(x)
			out := r.Dispatch(x, nil)
			checkAnswer(t, x, out)
			b.run()
			return string(out)
		}
		for _, tool := range []string{"job", "askjob"} {
			send(legacyRequest(1, "tools/call", `"name":"`+tool+`","arguments":{"do":`+do+`},"task":`+wish))
			a := send(asking("tools/call", `"name":"`+tool+`","arguments":{"do":`+do+`}`, ownTasks))
			if found := taskIDMember.FindStringSubmatch(a); found != nil {
				send(taskRequest("update", found[1], `,"inputResponses":`+responses))
				send(taskRequest("get", found[1], ""))
				send(taskRequest("cancel", found[1], ""))
			}
		}
		send(legacyRequest(1, "tasks/list", `"cursor":`+cursor))
		later(r)
		conv.Close()
		empty(t, r)
	})
}
