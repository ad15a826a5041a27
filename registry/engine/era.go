package engine

import (
	"weir/codec"
	"weir/registry/protocol"
)

// isModern says under which era's rules a message is judged (MCP 2026-07-28, basic/versioning, dual-era servers).
// A version in _meta makes it modern, also one that nobody knows: only a modern client writes the key. So does a method
// that no legacy revision has, and over HTTP a modern version header, so that what is missing is named; but not with an
// initialize, which negotiates by its body.
func (x *Exchange) isModern(row *method) bool {
	if token := x.Env.ProtocolVersion.Of(x.Raw); token != nil {
		version, ok := codec.StringOf(token)
		i := protocol.FindRevision(version)
		return !ok || i < 0 || protocol.RevisionAt(i).Modern
	}
	if row != nil && row.revisions&protocol.LegacyRevisions == 0 {
		return true
	}
	if x.Transport == HTTP && x.Header != nil && (row == nil || row.phase != beforeInitialize) {
		i := protocol.FindRevision(x.Header.ProtocolVersion)
		return i >= 0 && protocol.RevisionAt(i).Modern
	}
	return false
}
