package registry

import (
	"strconv"

	"weir/codec"
	"weir/registry/protocol"
)

// preparedAnswers holds what is the same in every answer: encoded once, copied per request.
type preparedAnswers struct {
	// suffix ends every result of the modern era: its type and who made it (MCP 2026-07-28, basic/index).
	suffix []byte // ,"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{...}}
	// identity is the member of _meta that suffix repeats, for results that have a _meta of their own.
	identity []byte
	// caching is what cacheable results of the modern era carry (MCP 2026-07-28, server/utilities/caching). Public,
	// because what is registered is the same for every caller, unless not everybody may call (Options.PrivateLists).
	caching []byte // ,"ttlMs":N,"cacheScope":"public"
}

// greetings are the answers to initialize and server/discover, ready to copy, so that even an overloaded server answers
// a probe from its loop. They are made anew when a kind of thing is offered for the first time.
type greetings struct {
	initialize [protocol.RevisionCount][]byte // results; nil for modern revisions
	discover   []byte                         // result
}

const (
	memberResult    = `"resultType":"complete"`
	emptyResultJSON = `{}`
)

func prepareAnswers(o *Options) preparedAnswers {
	var p preparedAnswers
	p.identity = []byte(serverInfoJSON(o, protocol.RevisionAt(protocol.LatestRevision)))
	p.suffix = []byte(`,` + memberResult + `,"_meta":{"` + protocol.KeyServerInfo + `":` + string(p.identity) + `}`)
	scope := "public"
	if o.PrivateLists {
		scope = "private"
	}
	p.caching = []byte(`,"ttlMs":` + strconv.FormatInt(o.ListTTL.Milliseconds(), 10) + `,"cacheScope":"` + scope + `"`)
	return p
}

// capability is what a server says in its capabilities that it has.
type capability uint32

const (
	capabilityPrompts capability = 1 << iota
	capabilityResources
	capabilityCompletions
	capabilityTasks
)

// declare adds one to the capabilities, for good: a list that became empty is still a list, and whoever was told of
// it may ask. Tools and log messages are declared always: a server without tools may get some.
func (r *Registry) declare(f capability) {
	r.declaring.Lock()
	defer r.declaring.Unlock()
	if r.declared&f != 0 {
		return
	}
	r.declared |= f
	r.greet()
}

// greet prepares the greetings. It needs r.declaring.
func (r *Registry) greet() {
	g := new(greetings)
	instructions := ""
	if r.opt.Instructions != "" {
		instructions = `,"instructions":` + string(codec.AppendQuoted(nil, r.opt.Instructions))
	}
	for i := range protocol.RevisionCount {
		rev := protocol.RevisionAt(i)
		if rev.Modern {
			continue
		}
		g.initialize[i] = []byte(`{"protocolVersion":"` + rev.Version + `","capabilities":` + r.capabilities(rev) +
			`,"serverInfo":` + serverInfoJSON(&r.opt, rev) + instructions + `}`)
	}
	g.discover = []byte(`{"supportedVersions":` + protocol.SupportedVersions() +
		`,"capabilities":` + r.capabilities(protocol.RevisionAt(protocol.LatestRevision)) +
		instructions + string(r.prepared.caching) + string(r.prepared.suffix) + `}`)
	r.greetings.Store(g)
}

// capabilities names what is served and nothing else.
func (r *Registry) capabilities(rev *protocol.Revision) string {
	b := `{"tools":{"listChanged":true}`
	if r.declared&capabilityPrompts != 0 {
		b += `,"prompts":{"listChanged":true}`
	}
	if r.declared&capabilityResources != 0 {
		b += `,"resources":{"subscribe":true,"listChanged":true}`
	}
	if r.declared&capabilityCompletions != 0 && rev.Completions {
		b += `,"completions":{}`
	}
	if r.declared&capabilityTasks != 0 {
		b += rev.Tasks.Capability()
	}
	return b + `,"logging":{}}`
}

// serverInfoJSON is the Implementation object that revision rev knows.
func serverInfoJSON(o *Options, rev *protocol.Revision) string {
	b := codec.AppendQuoted([]byte(`{"name":`), o.Name)
	if rev.Titles && o.Title != "" {
		b = codec.AppendQuoted(append(b, `,"title":`...), o.Title)
	}
	b = codec.AppendQuoted(append(b, `,"version":`...), o.Version)
	return string(append(b, '}'))
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
	return codec.AppendResult(dst, x.ID(), r.greetings.Load().initialize[i])
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
	return codec.AppendResult(dst, x.ID(), r.greetings.Load().discover)
}
