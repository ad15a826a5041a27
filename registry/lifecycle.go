package registry

import (
	"strconv"

	"weir/codec"
)

// preparedAnswers holds what every client asks for and what is the same for all: encoded once, copied per request, so
// that even an overloaded server answers a probe from its loop.
type preparedAnswers struct {
	initialize [revisionCount][]byte // results; nil for modern revisions
	discover   []byte                // result
	// suffix ends every result of the modern era: its type and who made it (MCP 2026-07-28, basic/index).
	suffix []byte // ,"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{...}}
	// identity is the member of _meta that suffix repeats, for results that have a _meta of their own.
	identity []byte
	// caching is what cacheable results of the modern era carry (MCP 2026-07-28, server/utilities/caching). Public,
	// because what is registered is the same for every caller.
	caching []byte // ,"ttlMs":N,"cacheScope":"public"
}

// capabilitiesJSON names what is served and nothing else. tools has no listChanged: nothing is pushed.
const capabilitiesJSON = `{"tools":{}}`

const (
	keyServerInfo   = "io.modelcontextprotocol/serverInfo"
	memberResult    = `"resultType":"complete"`
	memberTools     = `"tools":[`
	memberNextPage  = `"nextCursor":"`
	emptyResultJSON = `{}`
)

func prepareAnswers(o *Options) preparedAnswers {
	var p preparedAnswers
	instructions := ""
	if o.Instructions != "" {
		instructions = `,"instructions":` + string(codec.AppendQuoted(nil, o.Instructions))
	}
	for i := range revisions {
		rev := &revisions[i]
		if rev.modern {
			continue
		}
		p.initialize[i] = []byte(`{"protocolVersion":"` + rev.version + `","capabilities":` + capabilitiesJSON +
			`,"serverInfo":` + serverInfoJSON(o, rev) + instructions + `}`)
	}
	p.identity = []byte(serverInfoJSON(o, &revisions[revisionCount-1]))
	p.suffix = []byte(`,` + memberResult + `,"_meta":{"` + keyServerInfo + `":` + string(p.identity) + `}`)
	p.caching = []byte(`,"ttlMs":` + strconv.FormatInt(o.ToolsTTL.Milliseconds(), 10) + `,"cacheScope":"public"`)
	p.discover = []byte(`{"supportedVersions":` + supportedVersions + `,"capabilities":` + capabilitiesJSON + instructions +
		string(p.caching) + string(p.suffix) + `}`)
	return p
}

// serverInfoJSON is the Implementation object that revision rev knows.
func serverInfoJSON(o *Options, rev *revision) string {
	b := codec.AppendQuoted([]byte(`{"name":`), o.Name)
	if rev.titles && o.Title != "" {
		b = codec.AppendQuoted(append(b, `,"title":`...), o.Title)
	}
	b = codec.AppendQuoted(append(b, `,"version":`...), o.Version)
	return string(append(b, '}'))
}

// serveInitialize begins a legacy conversation: of the connection, or over HTTP of a new session. A version we have is
// confirmed, any other is answered with the latest of the legacy era, which the client takes or leaves (MCP 2025-11-25,
// basic/lifecycle). Of what the client says about itself nothing is kept: nothing here depends on it.
func serveInitialize(r *Registry, x *Exchange, dst []byte) []byte {
	version, ok := codec.StringOf(memberOf(x.Env.Params.Of(x.Raw), "protocolVersion"))
	if !ok {
		x.Status = statusBadRequest
		return codec.AppendError(dst, x.id(), errInitializeVersion)
	}
	i := revisionIndex(version)
	if i < 0 || revisions[i].modern {
		i = latestLegacy
	}
	if x.Transport == HTTP {
		if x.SessionID, ok = r.openSession(i); !ok {
			x.Status = statusTooManySession
			return codec.AppendError(dst, x.id(), errTooManySessions)
		}
	} else {
		x.Conv.negotiate(i)
	}
	return codec.AppendResult(dst, x.id(), r.prepared.initialize[i])
}

// serveInitialized is notifications/initialized. It changes nothing: a client that sends requests before it only risks
// its own order, and the server sends nothing that would have to wait for it.
func serveInitialized(_ *Registry, _ *Exchange, dst []byte) []byte { return dst }

// servePing answers a legacy ping, in any phase.
func servePing(_ *Registry, x *Exchange, dst []byte) []byte {
	return codec.AppendResult(dst, x.id(), []byte(emptyResultJSON))
}

// serveDiscover is server/discover (MCP 2026-07-28, server/discover).
func serveDiscover(r *Registry, x *Exchange, dst []byte) []byte {
	return codec.AppendResult(dst, x.id(), r.prepared.discover)
}

// memberOf is codec.Member for an object that may be absent.
func memberOf(object []byte, key string) []byte {
	if object == nil {
		return nil
	}
	return codec.Member(object, key)
}
