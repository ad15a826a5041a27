package reactor

import (
	"fmt"

	"weir/reactor/cluster/forward"
	"weir/reactor/cluster/updates"
	"weir/registry/protocol"
)

// join makes the server a node of its cluster, if there is one: what belongs to another node is forwarded, and what
// others forward is served.
func (s *Server) join(c Config) error {
	ids := s.engine.IDs()
	if ids.Node() != c.Node.Name() {
		return fmt.Errorf("Config.Node: it is %q, and the ids of the registry are those of %q", c.Node.Name(), ids.Node())
	}
	if c.Node == nil {
		return nil
	}
	s.forwarder = forward.New(*c.Forward, c.Node, &s.site, c.Metrics)
	s.site.Forwarder, s.site.IDs, s.site.MaxForwarded = s.forwarder, ids, s.bounds.MaxExecutingPerConnection
	c.Node.Handle(s.forwarder, forward.Kinds()...)
	c.Node.Watch(s.forwarder.Changed)
	s.updates = updates.New(c.Node, s.heardOf, c.Metrics)
	c.Node.Handle(s.updates, updates.Kind)
	return nil
}

// listChanged stands for a changed list among the URIs of updated resources, of which none begins with a zero.
func listChanged(list protocol.List) string { return string([]byte{0, byte(list)}) }

// heardOf tells clients of what another node has told.
func (s *Server) heardOf(uri string) {
	if len(uri) != 2 || uri[0] != 0 {
		s.engine.Topics().Updated(uri)
		return
	}
	if list := protocol.List(uri[1]); list < protocol.ListCount {
		s.engine.ListChangedElsewhere(list)
		s.loops.VisitAll()
	}
}
