package result

import (
	"cmp"
	"sync"
	"sync/atomic"

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
	// Instructions count if the options have none.
	Instructions string
}

// Greet prepares the greetings of a server that offers what o says.
func (e *Encoder) Greet(o Offered) *Greetings {
	g := new(Greetings)
	instructions := ""
	if text := cmp.Or(e.opt.Instructions, o.Instructions); text != "" {
		instructions = `,"instructions":` + string(codec.AppendQuoted(nil, text))
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

// Greeter keeps the greetings of a server up to what it offers. All methods are safe for concurrent use.
type Greeter struct {
	encoder   *Encoder
	greetings atomic.Pointer[Greetings]

	mu      sync.Mutex // guards offered and who writes greetings
	offered Offered
}

// NewGreeter makes the greeter of a server that offers nothing yet.
func NewGreeter(e *Encoder) *Greeter {
	g := &Greeter{encoder: e}
	g.greetings.Store(e.Greet(Offered{}))
	return g
}

// Declare changes what is offered, for good: a list that became empty is still a list, and whoever was told of it may
// ask.
func (g *Greeter) Declare(add func(offered *Offered)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	before := g.offered
	if add(&g.offered); g.offered != before {
		g.greetings.Store(g.encoder.Greet(g.offered))
	}
}

// Instruct adds a paragraph to the instructions, up to maxInstructionsBytes.
func (g *Greeter) Instruct(text string) {
	g.Declare(func(offered *Offered) {
		if offered.Instructions != "" {
			text = offered.Instructions + "\n\n" + text
		}
		if len(text) <= maxInstructionsBytes {
			offered.Instructions = text
		}
	})
}

// maxInstructionsBytes bounds the instructions of adopted servers together, as an option bounds others.
const maxInstructionsBytes = 64 << 10

// Greetings are those of what is offered now.
func (g *Greeter) Greetings() *Greetings { return g.greetings.Load() }
