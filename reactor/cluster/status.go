package cluster

import "time"

// Status is a node's view of the cluster: the page /cluster of the admin listener.
type Status struct {
	Node   string   `json:"node"`
	State  string   `json:"state"`         // alive, draining or refused
	Why    string   `json:"why,omitempty"` // it is refused
	Engine Health   `json:"engine"`
	Nodes  []Member `json:"nodes"` // this one first
}

// Status is how the cluster looks from here. A nil Node has none.
func (n *Node) Status() *Status {
	if n == nil {
		return nil
	}
	s := &Status{Node: n.name, State: n.ownState(), Why: n.Refused(), Nodes: []Member{}}
	if n.check() != ErrClosed {
		s.Engine = n.engine.Health()
	}
	if beat := n.self.Load(); beat != nil {
		own := Member{Name: n.name, State: Alive, Why: s.Why, Heard: time.Now().UTC(), Beat: *beat}
		if s.Why != "" {
			own.State = Refused
		}
		own.Since = time.Unix(0, int64(beat.Since)).UTC()
		s.Nodes = append(s.Nodes, own)
	}
	s.Nodes = append(s.Nodes, n.Members()...)
	return s
}
