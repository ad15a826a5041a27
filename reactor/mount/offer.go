package mount

import (
	"bytes"
	"errors"
	"fmt"

	"weir/codec"
	"weir/registry/handler"
)

// What a mount offers, and under which names. An entry that cannot be offered is left out and named in the log: the
// others are.

// maxNameBytes is what models take as the name of a tool (of [A-Za-z0-9_-]), though MCP would have 128.
const maxNameBytes = 64

// offer brings the registry up to what the mount lists.
func (m *Mount) offer(k kind, listed [][]byte) {
	c, now := &listings[k], offering{}
	for _, raw := range listed {
		text, ok := codec.StringOf(codec.Member(raw, c.key))
		name := string(text)
		if !ok || k == tools && !m.opt.Tools.allows(name) {
			continue
		}
		one := offered{name: name, definition: raw}
		if k == tools || k == prompts {
			one.name = m.opt.offered(m.name, name)
		}
		if was, has := m.offers[k][name]; has && bytes.Equal(was.definition, raw) {
			now[name] = was
			continue
		}
		if err := m.add(k, name, one); err != nil {
			m.log.Error().Str(c.what, name).Err(err).Msgf("a %s of a mount is not offered", c.what)
			continue
		}
		now[name] = one
	}
	for name, was := range m.offers[k] {
		if _, has := now[name]; !has {
			m.of.remove(m, k, was.name)
		}
	}
	m.offers[k] = now
	m.counts[k].Store(int32(len(now)))
}

// add offers one entry.
func (m *Mount) add(k kind, name string, one offered) error {
	eng, to := m.of.engine, &entry{mount: m, name: name}
	defaults := eng.HandlerDefaults()
	switch k {
	case tools:
		if len(one.name) > maxNameBytes {
			return fmt.Errorf("its name %q has %d bytes, models take %d: set a shorter prefix", one.name, len(one.name),
				maxNameBytes)
		}
		t, err := handler.NewForwardedTool(one.name, one.definition, to, defaults)
		return m.of.put(m, k, one.name, err, func(replaces bool) error {
			t.Handler.Replaces = replaces
			return eng.AddTool(t)
		})
	case prompts:
		p, err := handler.NewForwardedPrompt(one.name, one.definition, to, defaults)
		return m.of.put(m, k, one.name, err, func(replaces bool) error {
			p.Handler.Replaces = replaces
			return eng.AddPrompt(p)
		})
	case resources:
		r, err := handler.NewForwardedResource(one.definition, to, defaults)
		return m.of.put(m, k, one.name, err, func(replaces bool) error {
			r.Handler.Replaces = replaces
			return eng.AddResource(r)
		})
	}
	t, err := handler.NewForwardedTemplate(one.definition, to, defaults)
	return m.of.put(m, k, one.name, err, func(replaces bool) error {
		t.Handler.Replaces = replaces
		return eng.AddResourceTemplate(t)
	})
}

// apart says how two that have one name can be told apart.
var apart = [kinds]string{
	tools:     "give mount %s or %s another prefix, or leave the tool out with tools.deny",
	prompts:   "give mount %s or %s another prefix",
	resources: "URIs are not changed, so mount %s or %s has to have another",
	templates: "URIs are not changed, so mount %s or %s has to have another",
}

// put offers an entry in the name of a mount. Two mounts, or a mount and the program itself, cannot have one name.
func (s *Mounts) put(m *Mount, k kind, name string, wrong error, add func(replaces bool) error) error {
	if wrong != nil {
		return wrong
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.gone {
		return nil
	}
	owner := s.owners[k][name]
	replaces := owner != nil && (owner == m || owner == m.before)
	if owner != nil && !replaces {
		return errors.New(fmt.Sprintf("mount %s offers %q already: ", owner.name, name) +
			fmt.Sprintf(apart[k], m.name, owner.name))
	}
	if err := add(replaces); err != nil {
		if owner == nil {
			return fmt.Errorf("%q: %w (this program's own %ss, or another part of it)", name, err, listings[k].what)
		}
		return err
	}
	s.owners[k][name] = m
	return nil
}

// remove takes an entry out of the offer.
func (s *Mounts) remove(m *Mount, k kind, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.owners[k][name] == m {
		s.removeLocked(k, name)
	}
}

func (s *Mounts) removeLocked(k kind, name string) {
	delete(s.owners[k], name)
	switch k {
	case tools:
		s.engine.RemoveTool(name)
	case prompts:
		s.engine.RemovePrompt(name)
	case resources:
		s.engine.RemoveResource(name)
	case templates:
		s.engine.RemoveResourceTemplate(name)
	}
}
