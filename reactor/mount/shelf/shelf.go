package shelf

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/rs/zerolog"

	"weir/codec"
	"weir/registry/call"
	"weir/registry/engine"
	"weir/registry/handler"
	"weir/registry/offer"
	"weir/registry/result"
)

// Kind is what is offered.
type Kind uint8

const (
	Tool Kind = iota
	Prompt
	Resource
	Template
	Kinds
)

// kinds say of each what its entries are known by, what one is called, and how two that have one name can be told
// apart.
var kinds = [Kinds]struct{ key, what, apart string }{
	Tool:     {"name", "tool", "give mount %s or %s another prefix, or leave the tool out with tools.deny"},
	Prompt:   {"name", "prompt", "give mount %s or %s another prefix"},
	Resource: {"uri", "resource", "URIs are not changed, so mount %s or %s has to have another"},
	Template: {"uriTemplate", "template", "URIs are not changed, so mount %s or %s has to have another"},
}

func (k Kind) String() string { return kinds[k].what }

// Shelf is what all mounts of a server offer. Safe for concurrent use.
type Shelf struct {
	engine *engine.Engine

	mu     sync.Mutex // held while what is offered changes
	owners [Kinds]map[place]*Part
}

// place is a name at an endpoint.
type place struct {
	at   *offer.Endpoint
	name string
}

// New makes an empty shelf.
func New(eng *engine.Engine) *Shelf {
	s := &Shelf{engine: eng}
	for k := range s.owners {
		s.owners[k] = map[place]*Part{}
	}
	return s
}

// Part is what one mount offers. Offer is for one goroutine, the rest for any.
type Part struct {
	of      *Shelf
	naming  Naming
	log     zerolog.Logger
	forward func(name string) call.Forwarder
	own     *offer.Endpoint

	counts [Kinds]atomic.Int32 // of what is offered at the main endpoint
	offers [Kinds]map[string]*entry
	told   []string // the names that its server has not, as they were told

	// Guarded by the shelf's lock.
	before *Part // offers what this one does not yet
	gone   bool
}

// entry is what a mount has of one name of its server's.
type entry struct {
	definition []byte
	to         call.Forwarder
	names      [2]string // at the main endpoint, and at its own
	offered    [2]bool
}

// NewPart makes the part of a mount, which offers nothing yet, and its endpoint. forward makes what sends calls of a
// name of its server's.
func (s *Shelf) NewPart(naming Naming, log zerolog.Logger, forward func(name string) call.Forwarder) *Part {
	return &Part{of: s, naming: naming, log: log, forward: forward, own: s.engine.Offer().Open(naming.Mount)}
}

// Count is how many entries are offered at the main endpoint.
func (p *Part) Count(k Kind) int { return int(p.counts[k].Load()) }

// Completes says that the mount's server completes arguments.
func (p *Part) Completes() {
	p.of.engine.OfferCompletion(handler.NoCompletion(p.of.engine.HandlerDefaults()))
	p.own.Declare(func(offered *result.Offered) { offered.Completions = true })
}

// Follow has p take the place of before, entry by entry; nil ends that.
func (p *Part) Follow(before *Part) {
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	p.before = before
}

// Retire takes everything that p still offers out of the offer. Nothing of it is offered any more.
func (p *Part) Retire() {
	s := p.of
	s.mu.Lock()
	defer s.mu.Unlock()
	p.gone = true
	for k, owners := range s.owners {
		for at, owner := range owners {
			if owner == p {
				s.removeLocked(Kind(k), at)
			}
		}
	}
}

// Close ends the endpoint of a mount that is none any more.
func (p *Part) Close() { p.of.engine.Offer().Close(p.naming.Mount) }

// Offer brings the offer up to what the mount's server lists.
func (p *Part) Offer(k Kind, listed [][]byte) {
	now, names := map[string]*entry{}, map[string]bool{}
	taken := map[string]string{}
	n := 0
	for _, raw := range listed {
		text, ok := codec.StringOf(codec.Member(raw, kinds[k].key))
		name := string(text)
		names[name] = true
		if !ok || k == Tool && !p.naming.Tools.Allows(name) {
			continue
		}
		one := p.entryOf(k, name, raw)
		if other, twice := taken[one.names[1]]; twice && other != name {
			p.log.Error().Str(k.String(), name).Str("other", other).Str("name", one.names[1]).
				Msg("two tools of a mount have one name, of which the second is not offered: change tools.rename")
			continue
		}
		taken[one.names[1]] = name
		if was := p.offers[k][name]; was != nil && was.names == one.names && bytes.Equal(was.definition, raw) {
			one = was
		}
		if one.to == nil {
			one.to = p.forward(name)
		}
		p.add(k, name, one)
		if now[name] = one; one.offered[0] {
			n++
		}
	}
	for name, was := range p.offers[k] {
		p.drop(k, was, now[name])
	}
	p.offers[k] = now
	p.counts[k].Store(int32(n))
	if k == Tool {
		p.tell(names)
	}
}

// tell names what is said of tools that there are not, once.
func (p *Part) tell(listed map[string]bool) {
	unknown := p.naming.Tools.unknown(listed)
	if len(unknown) > 0 && !slices.Equal(unknown, p.told) {
		p.log.Warn().Strs("keys", unknown).Msg("keys of a mount name tools that its server does not have")
	}
	p.told = unknown
}

// entryOf is what an entry of the list would be.
func (p *Part) entryOf(k Kind, name string, raw []byte) *entry {
	one := &entry{definition: raw, names: [2]string{name, name}}
	if k == Tool {
		one.names[1] = p.naming.Tools.renamed(name)
	}
	if k == Tool || k == Prompt {
		one.names[0] = p.naming.prefixed(one.names[1])
	}
	return one
}

// add offers an entry at both endpoints, as far as it is not.
func (p *Part) add(k Kind, name string, one *entry) {
	var made *item
	for i, at := range []*offer.Endpoint{p.of.engine.Offer().Main(), p.own} {
		if one.offered[i] {
			continue
		}
		var err error
		if made == nil || made.name != one.names[i] {
			made, err = p.make(k, name, one.names[i], one)
		}
		if err == nil {
			err = p.of.put(p, k, place{at, one.names[i]}, made)
		}
		if one.offered[i] = err == nil; err != nil {
			made = nil
			if i == 0 {
				p.log.Error().Str(k.String(), name).Err(err).Msgf("a %s of a mount is not offered", k)
			}
		}
	}
}

// drop takes out of the offer what is another by now, or nothing.
func (p *Part) drop(k Kind, was, now *entry) {
	for i, at := range []*offer.Endpoint{p.of.engine.Offer().Main(), p.own} {
		if was != now && was.offered[i] && (now == nil || now.names[i] != was.names[i] || !now.offered[i]) {
			p.of.remove(p, k, place{at, was.names[i]})
		}
	}
}

// put offers an entry in the name of a mount.
func (s *Shelf) put(p *Part, k Kind, at place, one *item) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.gone {
		return nil
	}
	owner := s.owners[k][at]
	replaces := owner != nil && (owner == p || owner == p.before)
	if owner != nil && !replaces {
		return fmt.Errorf("mount %s offers %q already: "+kinds[k].apart, owner.naming.Mount, at.name, p.naming.Mount,
			owner.naming.Mount)
	}
	if err := one.addTo(at.at, replaces); err != nil {
		if owner == nil {
			return fmt.Errorf("%q: %w (this program's own %ss, or another part of it)", at.name, err, k)
		}
		return err
	}
	s.owners[k][at] = p
	return nil
}

// remove takes an entry out of the offer, if it is p's.
func (s *Shelf) remove(p *Part, k Kind, at place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.owners[k][at] == p {
		s.removeLocked(k, at)
	}
}

func (s *Shelf) removeLocked(k Kind, at place) {
	delete(s.owners[k], at)
	name := []string{at.name}
	switch k {
	case Tool:
		at.at.Tools.Remove(name)
	case Prompt:
		at.at.Prompts.Remove(name)
	case Resource:
		at.at.Resources.Remove(name)
	case Template:
		at.at.Templates.Remove(name)
	}
}
