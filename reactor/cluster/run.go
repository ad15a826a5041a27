package cluster

import "time"

// run judges the other nodes and speaks for this one, until Close.
func (n *Node) run() {
	defer close(n.done)
	tick := time.NewTicker(n.o.HeartbeatInterval)
	defer tick.Stop()
	join := time.NewTimer(n.members.joinTime())
	defer join.Stop()
	n.beat()
	for {
		select {
		case now := <-tick.C:
			n.members.check(now)
			n.members.reply = true
			n.ping()
		case now := <-join.C:
			n.members.check(now)
		case h := <-n.inbox:
			n.hear(h)
		case <-n.wake:
			n.members.reply = true
		case <-n.stop:
			n.members.self.Leaving = true
			n.beat()
			return
		}
		if n.members.reply {
			n.beat()
		}
		n.settle()
	}
}

// hear takes what came in.
func (n *Node) hear(h heard) {
	if !h.pong {
		n.members.heard(h.from, h.beat, time.Now())
		return
	}
	n.metrics.roundTrip(h.took)
	if known := n.members.table[h.from]; known != nil {
		known.RoundTrip = h.took
	}
}

// beat says to all others how this node is. It is said again soon, so one that cannot leave is only counted.
func (n *Node) beat() {
	n.members.reply = false
	self := n.members.self
	self.Load = n.load()
	self.Draining = self.Draining || n.drain.Load()
	n.self.Store(&self)
	text := self.encode()
	n.metrics.sent(len(text), n.engine.Publish(kindBeat, 0, text))
}

// ping measures how far the others are.
func (n *Node) ping() {
	for name, known := range n.members.table {
		if known.isThere() {
			n.metrics.sent(0, n.engine.Send(name, kindPing, uint64(time.Since(n.began)), nil))
		}
	}
}

// settle publishes what has changed and tells who watches.
func (n *Node) settle() {
	changes, intruders := n.members.take()
	for i := range intruders {
		n.log.Error().Str("node", intruders[i].Name).Str("why", intruders[i].Why).Str("build", intruders[i].Build).
			Uint64("incarnation", intruders[i].Incarnation).Msg("a node is refused")
	}
	list := n.members.list()
	n.list.Store(&list)
	if len(changes) == 0 {
		return
	}
	states := make(map[string]state, len(n.members.table))
	for name, known := range n.members.table {
		states[name] = state{known.State, known.Draining}
	}
	n.states.Store(&states)
	if why := n.members.self.Refused; why != "" {
		n.refused.Store(&why)
	} else {
		n.refused.Store(nil)
	}
	for _, change := range changes {
		n.metrics.changed(change)
		n.say(&change)
		for _, f := range n.watchers {
			f(change)
		}
	}
}

// receiver is what an engine hands messages to.
type receiver struct{ n *Node }

// Receive implements Handler.
func (r receiver) Receive(from string, kind Kind, id uint64, data []byte) {
	n := r.n
	n.metrics.received(len(data))
	switch {
	case kind >= FirstForward:
		n.dispatch(from, kind, id, data)
	case kind == kindBeat:
		if beat, err := decodeBeat(data); err == nil && IsName(from) {
			n.tell(heard{from: from, beat: beat})
		}
	case kind == kindPing:
		if n.check() == nil {
			n.metrics.sent(0, n.engine.Send(from, kindPong, id, nil))
		}
	case kind == kindPong:
		n.tell(heard{from: from, pong: true, took: time.Since(n.began) - time.Duration(id)})
	}
}

// dispatch hands a message to its part of the server. One that cannot be a member's is nobody's.
func (n *Node) dispatch(from string, kind Kind, id uint64, data []byte) {
	if kind >= Kinds || n.handlers[kind] == nil || n.refused.Load() != nil || n.State(from) == Refused {
		n.metrics.dropped.Inc()
		return
	}
	n.handlers[kind].Receive(from, kind, id, data)
}

// tell hands what was heard to run.
func (n *Node) tell(h heard) {
	select {
	case n.inbox <- h:
	default:
		n.metrics.dropped.Inc()
	}
}

// Nobody implements Handler.
func (r receiver) Nobody(to string, kind Kind, id uint64) {
	r.n.metrics.nobody.Inc()
	if kind >= FirstForward && kind < Kinds && r.n.handlers[kind] != nil {
		r.n.handlers[kind].Nobody(to, kind, id)
	}
}

// say logs a change.
func (n *Node) say(c *Change) {
	line, text := n.log.Info(), "a node is "+c.To.String()
	if c.To == Left {
		text = "a node has left"
	}
	switch {
	case c.Node == n.name && c.To == Refused:
		line, text = n.log.Error(), "this node is refused: another one has its name; give one of them another, cluster.node"
	case c.Node == n.name:
		text = "this node is a member"
	case c.To == Refused:
		line = n.log.Error()
	case c.To == Dead || c.To == Suspected:
		line = n.log.Warn()
	case c.Draining && c.From == c.To:
		text = "a node drains"
	}
	line.Str("node", c.Node).Stringer("before", c.From)
	if c.Why != "" {
		line.Str("why", c.Why)
	}
	line.Msg(text)
}
