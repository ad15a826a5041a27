package mount

import (
	"bytes"
	"fmt"

	"weir/codec"
	"weir/registry/handler"
)

// What a mount offers, and under which names. A tool that cannot be offered is left out and named in the log: the
// others are.

// maxNameBytes is what models take as the name of a tool (of [A-Za-z0-9_-]), though MCP would have 128.
const maxNameBytes = 64

// offer brings the registry up to what the mount lists.
func (m *Mount) offer(listed [][]byte) {
	now := offering{}
	for _, raw := range listed {
		name, ok := codec.StringOf(codec.Member(raw, "name"))
		if !ok || !m.opt.Tools.allows(string(name)) {
			continue
		}
		one := offered{name: m.opt.offered(m.name, string(name)), definition: raw}
		if was, has := m.offers[string(name)]; has && bytes.Equal(was.definition, raw) {
			now[string(name)] = was
			continue
		}
		if err := m.add(string(name), one); err != nil {
			m.log.Error().Str("tool", string(name)).Err(err).Msg("a tool of a mount is not offered")
			continue
		}
		now[string(name)] = one
	}
	for name, was := range m.offers {
		if _, has := now[name]; !has {
			m.of.remove(m, was.name)
		}
	}
	m.offers = now
	m.tools.Store(int32(len(now)))
}

// add offers one tool.
func (m *Mount) add(name string, one offered) error {
	if len(one.name) > maxNameBytes {
		return fmt.Errorf("its name %q has %d bytes, models take %d: set a shorter prefix", one.name, len(one.name),
			maxNameBytes)
	}
	to := &tool{mount: m, name: name}
	t, err := handler.NewForwardedTool(one.name, one.definition, to, m.of.engine.HandlerDefaults())
	if err != nil {
		return err
	}
	return m.of.put(m, t)
}

// put offers a tool in the name of a mount. Two mounts, or a mount and the program itself, cannot have one name.
func (s *Mounts) put(m *Mount, t *handler.Tool) error {
	name := t.Handler.Name
	s.mu.Lock()
	defer s.mu.Unlock()
	switch owner := s.owners[name]; {
	case m.gone:
		return nil
	case owner == m || owner != nil && owner == m.before:
		t.Handler.Replaces = true
	case owner != nil:
		return fmt.Errorf("mount %s offers %q already: give mount %s or %s another prefix, or leave the tool out with "+
			"tools.deny", owner.name, name, m.name, owner.name)
	}
	if err := s.engine.AddTool(t); err != nil {
		if s.owners[name] == nil {
			return fmt.Errorf("%q: %w (this program's own tools, or another part of it)", name, err)
		}
		return err
	}
	s.owners[name] = m
	return nil
}

// remove takes a tool out of the offer.
func (s *Mounts) remove(m *Mount, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.owners[name] == m {
		delete(s.owners, name)
		s.engine.RemoveTool(name)
	}
}
