package loopback

import (
	"bytes"
	"context"
	"slices"
	"sync"

	"weir/reactor/cluster"
)

// maxBytes bounds a message, and inbox how many wait for one node.
const (
	maxBytes = 16 << 20
	inbox    = 4096
)

// A Network is what nodes are joined to. Its methods may be called by several goroutines at once.
type Network struct {
	mu    sync.Mutex
	nodes []*engine
}

// New makes a network without nodes.
func New() *Network { return &Network{} }

// Open joins a node; it is a cluster.Open. What is sent to a name goes to all nodes that have it.
func (n *Network) Open(name string, handler cluster.Handler) (cluster.Engine, error) {
	e := &engine{network: n, name: name, handler: handler, inbox: make(chan message, inbox), done: make(chan struct{})}
	e.awake = sync.NewCond(&e.mu)
	n.mu.Lock()
	n.nodes = append(n.nodes, e)
	n.mu.Unlock()
	go e.deliver()
	return e, nil
}

// Kill takes a node away as SIGKILL does: what waits for it is lost, and its own sends fail.
func (n *Network) Kill(name string) {
	for _, e := range n.find(name) {
		n.remove(e)
		e.stop()
	}
}

func (n *Network) remove(e *engine) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.nodes = slices.DeleteFunc(n.nodes, func(other *engine) bool { return other == e })
}

// Freeze stops what a node receives, as SIGSTOP does, and Unfreeze ends that: then what has waited arrives. The test
// sees to it that a frozen node sends nothing.
func (n *Network) Freeze(name string) { n.setFrozen(name, true) }

// Unfreeze lets a frozen node receive again.
func (n *Network) Unfreeze(name string) { n.setFrozen(name, false) }

func (n *Network) setFrozen(name string, frozen bool) {
	for _, e := range n.find(name) {
		e.mu.Lock()
		e.frozen = frozen
		e.mu.Unlock()
		e.awake.Broadcast()
	}
}

// find returns the nodes of a name, of which there is one unless a test wants more.
func (n *Network) find(name string) (all []*engine) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, e := range n.nodes {
		if e.name == name {
			all = append(all, e)
		}
	}
	return all
}

type message struct {
	peer string // the sender, or for nobody the node that was not there
	kind cluster.Kind
	id   uint64
	data []byte
	none bool
}

type engine struct {
	network *Network
	name    string
	handler cluster.Handler
	inbox   chan message
	done    chan struct{}

	mu     sync.Mutex
	awake  *sync.Cond
	frozen bool
	closed bool
}

// Send implements cluster.Engine. It tells by Nobody, as NATS does, that a node is not there.
func (e *engine) Send(to string, kind cluster.Kind, id uint64, data []byte) error {
	if to == e.name {
		return cluster.ErrNoNode
	}
	if err := e.check(data); err != nil {
		return err
	}
	peers := e.network.find(to)
	if len(peers) == 0 {
		return e.put(message{peer: to, kind: kind, id: id, none: true})
	}
	return send(peers, message{peer: e.name, kind: kind, id: id}, data)
}

// send puts a message into each of the inboxes.
func send(to []*engine, m message, data []byte) (failed error) {
	for _, peer := range to {
		m.data = bytes.Clone(data)
		if err := peer.put(m); err != nil {
			failed = err
		}
	}
	return failed
}

// Publish implements cluster.Engine.
func (e *engine) Publish(kind cluster.Kind, id uint64, data []byte) error {
	if err := e.check(data); err != nil {
		return err
	}
	e.network.mu.Lock()
	others := slices.DeleteFunc(slices.Clone(e.network.nodes), func(other *engine) bool { return other == e })
	e.network.mu.Unlock()
	return send(others, message{peer: e.name, kind: kind, id: id}, data)
}

// Health implements cluster.Engine.
func (e *engine) Health() cluster.Health {
	return cluster.Health{Engine: "loopback", Connected: slices.Contains(e.network.find(e.name), e)}
}

// Close implements cluster.Engine.
func (e *engine) Close(context.Context) error {
	e.network.remove(e)
	e.stop()
	return nil
}

func (e *engine) check(data []byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return cluster.ErrClosed
	}
	if len(data) > maxBytes {
		return cluster.ErrTooLarge
	}
	return nil
}

// put hands a message to the goroutine that delivers. What comes to a node that is being closed is lost.
func (e *engine) put(m message) error {
	select {
	case e.inbox <- m:
		return nil
	default:
		return cluster.ErrFull
	}
}

// deliver calls the handler until the node is closed.
func (e *engine) deliver() {
	defer close(e.done)
	for m := range e.inbox {
		e.mu.Lock()
		for e.frozen && !e.closed {
			e.awake.Wait()
		}
		closed := e.closed
		e.mu.Unlock()
		switch {
		case closed:
			return
		case m.none:
			e.handler.Nobody(m.peer, m.kind, m.id)
		default:
			e.handler.Receive(m.peer, m.kind, m.id, m.data)
		}
	}
}

// stop ends deliver and waits for it.
func (e *engine) stop() {
	e.mu.Lock()
	first := !e.closed
	e.closed = true
	e.mu.Unlock()
	if first {
		e.awake.Broadcast()
		select {
		case e.inbox <- message{}: // wakes deliver, which sees that it is closed
		default:
		}
	}
	<-e.done
}
