package engine

import (
	"weir/codec"
	"weir/registry/fault"
	"weir/registry/protocol"
)

const emptyResultJSON = `{}`

// serveInitialize begins a legacy conversation: of the connection, or over HTTP of a new session. A version we have is
// confirmed, any other is answered with the latest of the legacy era, which the client takes or leaves (MCP 2025-11-25,
// basic/lifecycle). Of what the client says about itself only what it can be asked is kept.
func serveInitialize(eng *Engine, x *Exchange, dst []byte) []byte {
	version, ok := codec.StringOf(codec.Member(x.Env.Params.Of(x.Raw), "protocolVersion"))
	if !ok {
		x.Outcome = Invalid
		return codec.AppendError(dst, x.ID(), fault.InitializeVersion)
	}
	i := protocol.FindRevision(version)
	if i < 0 || protocol.RevisionAt(i).Modern {
		i = protocol.LatestLegacy
	}
	declared := protocol.ReadCapabilities(codec.Member(x.Env.Params.Of(x.Raw), "capabilities"))
	if x.Transport == HTTP {
		if x.SessionID, ok = eng.sessions.Open(x.Principal, x.View.Hub, i, declared); !ok {
			return x.appendError(dst, fault.TooManySessions)
		}
	} else {
		x.Conv.Negotiate(i, declared, x.View.Hub)
	}
	return codec.AppendResult(dst, x.ID(), x.View.At().Greetings().Initialize[i])
}

// AddInstructions has clients that come from now on told text too, unless the options have instructions.
func (eng *Engine) AddInstructions(text string) { eng.offer.Main().Instruct(text) }

// serveInitialized is notifications/initialized. It changes nothing: a client that sends requests before it only risks
// its own order, and the server sends nothing that would have to wait for it.
func serveInitialized(_ *Engine, _ *Exchange, dst []byte) []byte { return dst }

// servePing answers a legacy ping, in any phase.
func servePing(_ *Engine, x *Exchange, dst []byte) []byte {
	return codec.AppendResult(dst, x.ID(), []byte(emptyResultJSON))
}

// serveDiscover is server/discover (MCP 2026-07-28, server/discover).
func serveDiscover(eng *Engine, x *Exchange, dst []byte) []byte {
	return codec.AppendResult(dst, x.ID(), x.View.At().Greetings().Discover)
}
