package reactor

import (
	"slices"
	"testing"

	"weir/reactor/mount"
)

// TestForwardedToAnEndpoint: a session of a mount's endpoint is one of that endpoint, and of its principal, at every
// node, and its calls go to its owner's mount.
func TestForwardedToAnEndpoint(t *testing.T) {
	var mounts []*played
	j := startClusterOf(t, 2, func(c *Config) {
		one, to := playedOn(t)
		mounts = append(mounts, one)
		c.Mounts = map[string]*mount.Options{"one": to}
		if len(mounts) == 2 { // its owner does not have this one
			_, other := playedOn(t)
			c.Mounts["two"] = other
		}
	}, guarded, views)
	for _, m := range mounts {
		m.accept()
		id := m.hear("initialize").ID
		m.say(`{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}}}}`, id)
		m.hear("notifications/initialized")
		m.list(toolA + "," + toolB)
	}
	a, b := j.servers[0], j.servers[1]
	for _, s := range j.servers {
		s.eventually("the mount is there", func() bool { return s.Status().Mounts[0].Up })
	}
	session := a.sessionAt("/mcp/one", bearing("alice"))
	contains(t, session, ": n0.")
	_, answer := b.asks("/mcp/one", listOf("tools"), bearing("alice"), session)
	if got := listedIn(t, answer); !slices.Equal(got, []string{"a"}) {
		t.Errorf("%q", got)
	}
	b.calls(mounts[0], "/mcp/one", callOf(1, "a", ""), bearing("alice"), session)
	_, answer = b.asks("/mcp/one", callOf(1, "b", ""), bearing("alice"), session)
	contains(t, answer, `"message":"Unknown tool: b"`)
	f := func(want int, path, principal, text string) {
		t.Helper()
		r, body := b.asks(path, callOf(1, "a", ""), bearing(principal), session)
		if r.StatusCode != want {
			t.Errorf("%s of %s: %s %s", path, principal, r.Status, body)
		}
		contains(t, body, text)
	}
	f(404, "/mcp", "alice", "no such session")
	f(404, "/mcp/one", "bob", "no such session")
	f(404, "/mcp/two", "alice", "")
	if n := a.metric("weir_cluster_forwarded_served_total"); n != "6" {
		t.Errorf("%s requests were served for others", n)
	}
	j.settled()
}
