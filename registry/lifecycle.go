package registry

import (
	"weir/codec"
	"weir/registry/protocol"
	"weir/registry/result"
)

const emptyResultJSON = `{}`

// declare changes the capabilities, for good: a list that became empty is still a list, and whoever was told of it may
// ask.
func (r *Registry) declare(add func(offered *result.Offered)) {
	r.declaring.Lock()
	defer r.declaring.Unlock()
	before := r.offered
	if add(&r.offered); r.offered != before {
		r.greetings.Store(r.results.Greet(r.offered))
	}
}

// serveInitialize begins a legacy conversation: of the connection, or over HTTP of a new session. A version we have is
// confirmed, any other is answered with the latest of the legacy era, which the client takes or leaves (MCP 2025-11-25,
// basic/lifecycle). Of what the client says about itself only what it can be asked is kept.
func serveInitialize(r *Registry, x *Exchange, dst []byte) []byte {
	version, ok := codec.StringOf(codec.Member(x.Env.Params.Of(x.Raw), "protocolVersion"))
	if !ok {
		x.Outcome = Invalid
		return codec.AppendError(dst, x.ID(), errInitializeVersion)
	}
	i := protocol.FindRevision(version)
	if i < 0 || protocol.RevisionAt(i).Modern {
		i = protocol.LatestLegacy
	}
	declared := protocol.ReadCapabilities(codec.Member(x.Env.Params.Of(x.Raw), "capabilities"))
	if x.Transport == HTTP {
		if x.SessionID, ok = r.sessions.Open(x.Principal, i, declared); !ok {
			x.Outcome = LimitReached
			return codec.AppendError(dst, x.ID(), errTooManySessions)
		}
	} else {
		x.Conv.Negotiate(i, declared, r.events)
	}
	return codec.AppendResult(dst, x.ID(), r.greetings.Load().Initialize[i])
}

// serveInitialized is notifications/initialized. It changes nothing: a client that sends requests before it only risks
// its own order, and the server sends nothing that would have to wait for it.
func serveInitialized(_ *Registry, _ *Exchange, dst []byte) []byte { return dst }

// servePing answers a legacy ping, in any phase.
func servePing(_ *Registry, x *Exchange, dst []byte) []byte {
	return codec.AppendResult(dst, x.ID(), []byte(emptyResultJSON))
}

// serveDiscover is server/discover (MCP 2026-07-28, server/discover).
func serveDiscover(r *Registry, x *Exchange, dst []byte) []byte {
	return codec.AppendResult(dst, x.ID(), r.greetings.Load().Discover)
}
