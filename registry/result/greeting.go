package result

import (
	"weir/codec"
	"weir/registry/protocol"
)

// Greetings are the answers to initialize and server/discover, ready to copy, so that even an overloaded server answers
// a probe from its loop. They are made anew when a kind of thing is offered for the first time.
type Greetings struct {
	Initialize [protocol.RevisionCount][]byte // results by revision; nil for modern ones
	Discover   []byte                         // result
}

// Offered is what a server says in its capabilities that it has. Tools and log messages are said always: a server
// without tools may get some.
type Offered struct {
	Prompts, Resources, Completions, Tasks bool
}

// Greet prepares the greetings of a server that offers what o says.
func (e *Encoder) Greet(o Offered) *Greetings {
	g := new(Greetings)
	instructions := ""
	if e.opt.Instructions != "" {
		instructions = `,"instructions":` + string(codec.AppendQuoted(nil, e.opt.Instructions))
	}
	for i := range protocol.RevisionCount {
		rev := protocol.RevisionAt(i)
		if rev.Modern {
			continue
		}
		g.Initialize[i] = []byte(`{"protocolVersion":"` + rev.Version + `","capabilities":` + o.capabilities(rev) +
			`,"serverInfo":` + e.serverInfo(rev) + instructions + `}`)
	}
	g.Discover = []byte(`{"supportedVersions":` + protocol.SupportedVersions() +
		`,"capabilities":` + o.capabilities(protocol.RevisionAt(protocol.LatestRevision)) +
		instructions + string(e.caching) + string(e.suffix) + `}`)
	return g
}

// capabilities names what is served and nothing else.
func (o Offered) capabilities(rev *protocol.Revision) string {
	const changes = `"listChanged":true`
	b := `{"tools":{` + changes + `}`
	if o.Prompts {
		b += `,"prompts":{` + changes + `}`
	}
	if o.Resources {
		b += `,"resources":{"subscribe":true,` + changes + `}`
	}
	if o.Completions && rev.Completions {
		b += `,"completions":{}`
	}
	if o.Tasks {
		b += rev.Tasks.Capability()
	}
	return b + `,"logging":{}}`
}
