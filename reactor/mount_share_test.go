package reactor

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"weir/reactor/mount"
)

// Mounts with a child for each principal, or each session.

// pidAt says which process answers a call of a principal, or why none does.
func (s *server) pidAt(path string, headers ...string) (pid int, refused string) {
	s.t.Helper()
	_, answer := s.asks(path, callOf(1, "a", ""), headers...)
	var read struct {
		Result struct {
			Meta struct{ PID int } `json:"_meta"`
		}
		Error struct {
			Data struct{ Reason string }
		}
	}
	must(s.t, json.Unmarshal([]byte(answer), &read))
	return read.Result.Meta.PID, read.Error.Data.Reason
}

// apart is a server with a mount that is shared as said, which is there.
func apart(t *testing.T, share string, change func(*mount.Options), tunes ...tune) (s *server, o *mount.Options) {
	t.Helper()
	o = childOptions(t, "answers")
	o.Share = share
	if change != nil {
		change(o)
	}
	s = startConfig(t, func(c *Config) { c.Mounts = map[string]*mount.Options{"m": o} }, tunes...)
	s.eventually("the mount is there", func() bool { m := s.Status().Mounts[0]; return m.Up && m.Tools == 1 })
	return s, o
}

// TestSharePrincipal: each principal has a child of its own, whatever connection it comes on, and nobody else's. One
// more than may be is refused by name; one that nobody calls ends.
func TestSharePrincipal(t *testing.T) {
	s, o := apart(t, "principal", func(o *mount.Options) { o.MaxChildren, o.ChildIdleTimeout = 1, time.Second }, guarded)
	alice := []string{bearing("alice"), s.sessionAt("/mcp/m", bearing("alice"))}
	bob := []string{bearing("bob"), s.sessionAt("/mcp/m", bearing("bob"))}
	first, refused := s.pidAt("/mcp/m", alice...)
	if first == 0 {
		t.Fatal(refused)
	}
	alice[1] = s.sessionAt("/mcp/m", bearing("alice"))
	if again, _ := s.pidAt("/mcp/m", alice...); again != first {
		t.Errorf("%d, and in another session %d", first, again)
	}
	if pid, refused := s.pidAt("/mcp/m", bob...); refused != "mount_children" {
		t.Errorf("%d, %q", pid, refused)
	}
	if n := s.metric(`weir_mount_calls_failed_total{mount="m",reason="mount_children"}`); n != "1" {
		t.Error(n)
	}
	if n := len(leftBehind(o.Env[marked])); n != 2 || s.Status().Mounts[0].Children != 1 {
		t.Errorf("%d processes, %+v", n, s.Status().Mounts[0])
	}
	s.eventually("the child has ended", func() bool {
		return len(leftBehind(o.Env[marked])) == 1 && s.metric(`weir_mount_children{mount="m"}`) == "0"
	})
	second, refused := s.pidAt("/mcp/m", bob...)
	if second == 0 || second == first {
		t.Errorf("%d, %q", second, refused)
	}
	if pid, refused := s.pidAt("/mcp/m", alice...); refused != "mount_children" {
		t.Errorf("%d, %q", pid, refused)
	}
	s.stop(patience)
	s.nobodyIsLeft(o.Env[marked])
}

// TestShareSession: each session has a child of its own, also two of one client; without one a call is its principal's,
// and without either it is refused by name.
func TestShareSession(t *testing.T) {
	s, o := apart(t, "session", nil)
	seen := map[int]bool{}
	one := s.sessionAt("/mcp/m")
	f := func(pid int, refused string) {
		t.Helper()
		if pid == 0 || seen[pid] {
			t.Errorf("%d, %q", pid, refused)
		}
		seen[pid] = true
	}
	f(s.pidAt("/mcp/m", one))
	f(s.pidAt("/mcp/m", s.sessionAt("/mcp/m")))
	c, d := initialized(t, s), initialized(t, s)
	f(pidOf(c, "m_a"), "")
	f(pidOf(d, "m_a"), "")
	if pid, _ := s.pidAt("/mcp/m", one); !seen[pid] {
		t.Errorf("%d is another's", pid)
	}
	_, answer := s.asks("/mcp/m", callOf(1, "a", `,"_meta":{`+modernMeta+`}`), "MCP-Protocol-Version: 2026-07-28",
		"Mcp-Method: tools/call", "Mcp-Name: a")
	contains(t, answer, `"reason":"mount_session"`)
	must(t, s.ReplaceMounts(map[string]*mount.Options{}))
	s.nobodyIsLeft(o.Env[marked])
}

// TestShareOfEndedSessions: who begins sessions and ends them leaves no child that others would have to wait for.
func TestShareOfEndedSessions(t *testing.T) {
	s, o := apart(t, "session", func(o *mount.Options) { o.MaxChildren = 2 })
	c := initialized(t, s) // has one, and stays
	mine := pidOf(c, "m_a")
	for n := range 3 {
		session := s.sessionAt("/mcp/m")
		if pid, refused := s.pidAt("/mcp/m", session); pid == 0 {
			t.Fatalf("session %d: %q", n, refused)
		}
		if _, refused := s.pidAt("/mcp/m", s.sessionAt("/mcp/m")); refused != "mount_children" {
			t.Errorf("one more than may be: %q", refused)
		}
		p := s.dial("http")
		p.send("DELETE /mcp/m HTTP/1.1\r\nHost: localhost\r\nMCP-Protocol-Version: 2025-11-25\r\n" + session + "\r\n\r\n")
		if r, body := p.response(); r.StatusCode/100 != 2 {
			t.Fatalf("%s %s", r.Status, body)
		}
		p.Close()
	}
	if pidOf(c, "m_a") != mine {
		t.Error("who stayed has another child")
	}
	s.stop(patience)
	s.nobodyIsLeft(o.Env[marked])
}

// TestShareBegins: calls wait for the child that the first of them has begun, and none is lost when it cannot be.
func TestShareBegins(t *testing.T) {
	p, o := playedOn(t)
	o.Share, o.WaitTimeout = "principal", 100*time.Millisecond
	s := startConfig(t, func(c *Config) { c.Mounts = map[string]*mount.Options{"m": o} })
	p.greet(toolA)
	c := up(t, s, 1)
	const calls = 20
	for i := range calls {
		c.say(callOf(i, "m_a", ""))
	}
	own := &played{t: t, ln: p.ln}
	own.accept()
	m := own.hear("initialize")
	s.eventually("the calls wait", func() bool { return s.Status().Mounts[0].Waiting == calls })
	began := time.Now()
	s.eventually("wait_timeout, which is for who has a child, is over", func() bool {
		return time.Since(began) > 3*o.WaitTimeout
	})
	own.say(`{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-06-18","capabilities":{"resources":{"subscribe":true}}}}`,
		m.ID)
	own.hear("notifications/initialized")
	for range calls {
		m := own.hear("tools/call") // and nothing was listed
		own.say(`{"jsonrpc":"2.0","id":%s,"result":{"content":[]}}`, m.ID)
		contains(t, c.hear(), `"content":[]`)
	}
	// One that ends answers what it was sent, by name.
	c.say(callOf(1, "m_a", ""))
	own.hear("tools/call")
	own.conn.Close()
	contains(t, c.hear(), `"mount_lost"`)
}

// TestShareCannotBegin: what waits for a child that cannot be begun is told why at once.
func TestShareCannotBegin(t *testing.T) {
	p, o := playedOn(t)
	o.Share = "principal"
	s := startConfig(t, func(c *Config) { c.Mounts = map[string]*mount.Options{"m": o} })
	p.greet(toolA)
	c := up(t, s, 1)
	p.ln.Close()
	c.say(callOf(1, "m_a", ""))
	contains(t, c.hear(), `"mount_down"`)
}

// TestShareAsks: a call that has asked its client goes on at the child that asked.
func TestShareAsks(t *testing.T) {
	p, o := playedOn(t)
	o.Share = "principal"
	s := startConfig(t, func(c *Config) { c.Mounts = map[string]*mount.Options{"m": o} }, guarded)
	p.greet(toolA)
	s.eventually("the mount is there", func() bool { return s.Status().Mounts[0].Up })
	able := strings.Replace(modernMeta, `clientCapabilities":{}`, `clientCapabilities":{"elicitation":{"form":{}}}`, 1)
	ask := func(principal, rest string) (answer string) {
		_, answer = s.asks("/mcp", callOf(1, "m_a", rest+`,"_meta":{`+able+`}`), bearing(principal),
			"MCP-Protocol-Version: 2026-07-28", "Mcp-Method: tools/call", "Mcp-Name: m_a")
		return answer
	}
	children, states := map[string]*played{}, map[string]string{}
	for _, name := range []string{"alice", "bob"} {
		came := make(chan string, 1)
		go func() { came <- ask(name, "") }()
		own := &played{t: t, ln: p.ln}
		own.greetOnly()
		own.hear("tools/call")
		own.say(`{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{"message":"m","requestedSchema":` +
			`{"type":"object","properties":{}}}}`)
		answer := <-came
		var read struct {
			Result struct{ RequestState string }
		}
		must(t, json.Unmarshal([]byte(answer), &read))
		if read.Result.RequestState == "" {
			t.Fatal(answer)
		}
		children[name], states[name] = own, read.Result.RequestState
	}
	const accepted = `,"inputResponses":{"0":{"action":"accept","content":{}}},"requestState":%q`
	came := make(chan string, 1)
	go func() { came <- ask("alice", fmt.Sprintf(accepted, states["alice"])) }()
	answered, err := children["alice"].in.ReadString('\n')
	must(t, err)
	contains(t, answered, `"id":"q"`, `"accept"`)
	children["alice"].say(`{"jsonrpc":"2.0","id":0,"result":{"content":[],"_meta":{"k":1}}}`)
	contains(t, <-came, `"k":1`)
	if answer := ask("bob", fmt.Sprintf(accepted, states["alice"])); strings.Contains(answer, `"result"`) {
		t.Errorf("another's state is taken: %s", answer)
	}
}
