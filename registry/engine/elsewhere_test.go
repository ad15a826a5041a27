package engine_test

import (
	"testing"

	"weir/registry/engine"
	"weir/registry/protocol"
)

// TestUnknown: what another server may have, and what nobody else can.
func TestUnknown(t *testing.T) {
	eng := newFixture(t).Registry.Engine()
	const initialize = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}`
	const ping = `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	const meta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}`
	f := func(want bool, session, version, body string) {
		t.Helper()
		h := engine.Header{SessionID: []byte(session), ProtocolVersion: []byte(version)}
		if got := eng.Unknown(&h, "", []byte(body)); got != want {
			t.Errorf("session %q, version %q, %s: %v", session, version, body, got)
		}
	}
	f(true, "AAAA", "", ping)
	f(true, "AAAA", "2025-11-25", "")
	f(true, "AAAA", "", "["+ping+"]")
	f(true, "AAAA", "", "no JSON")
	f(false, "", "", ping)
	f(false, "AAAA", "", initialize)
	f(false, "AAAA", "2026-07-28", ping)
	f(true, "", "2026-07-28", `{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{"taskId":"x",`+meta)
	f(false, "", "2026-07-28", `{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{`+meta)
}

// TestResumesALaterRevision: another node's build may know a revision that this one does not.
func TestResumesALaterRevision(t *testing.T) {
	eng := newFixture(t).Registry.Engine()
	var c engine.Conversation
	eng.Resumes(&c, protocol.RevisionCount)
	if at := c.Negotiated() - 1; at != protocol.LatestRevision {
		t.Errorf("it speaks revision %d of %d", at, protocol.RevisionCount)
	}
}
