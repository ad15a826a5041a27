package cluster

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/rs/zerolog"
)

// Identity is what a node says of itself and never changes.
type Identity struct {
	Build string // version and commit
	Mode  string // cluster, frontend or worker
}

// Node is this process's place in a cluster. Handle and Watch are called before Start; everything else may be called by
// several goroutines at once, and nothing but Start and Close blocks. The methods of a nil Node say that there is no
// other node.
type Node struct {
	name     string
	o        Options
	load     func() Load
	handlers [Kinds]Handler
	watchers []func(Change)
	metrics  nodeMetrics
	log      zerolog.Logger

	engine  Engine
	opened  chan struct{}          // closed when engine is set
	refused atomic.Pointer[string] // why this node is no member, nil if it is
	states  atomic.Pointer[map[string]state]
	list    atomic.Pointer[[]Member]
	self    atomic.Pointer[Beat] // what was said last of this node
	drain   atomic.Bool

	inbox chan heard
	wake  chan struct{}
	stop  chan struct{}
	once  sync.Once
	done  chan struct{}

	members *members // of run's goroutine
	began   time.Time
}

// state is what hot paths ask.
type state struct {
	State
	draining bool
}

// heard is what membership hears: a beat, or a pong.
type heard struct {
	from string
	beat Beat
	pong bool // it answers a ping, which took so long
	took time.Duration
}

// maxInbox bounds the heartbeats that wait. The next one is dropped, and another comes in half a second.
const maxInbox = 4096

// New makes a node that is not joined to others yet. load is called each heartbeat, on a goroutine of the node, once it
// has started.
func New(o Options, who Identity, load func() Load, set *metrics.Set, log zerolog.Logger) *Node {
	n := &Node{name: o.Node, o: o, load: load, log: log, opened: make(chan struct{}), inbox: make(chan heard, maxInbox),
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}), began: time.Now()}
	n.members = newMembers(n.name, times{o.HeartbeatInterval, o.SuspectAfter, o.DeadAfter, o.ForgetAfter}, n.began)
	n.members.self.Build, n.members.self.Mode = who.Build, who.Mode
	n.states.Store(&map[string]state{})
	n.list.Store(&[]Member{})
	n.register(set)
	return n
}

// Handle has messages of these kinds go to a handler. A kind has one handler; a message without one is dropped.
func (n *Node) Handle(h Handler, kinds ...Kind) {
	for _, kind := range kinds {
		if kind < FirstForward || n.handlers[kind] != nil {
			panic("cluster: a kind of message has two handlers")
		}
		n.handlers[kind] = h
	}
}

// Watch has f told of every change of a node's state, one after the other. It is called on the goroutine that judges
// all nodes, so it must not block.
func (n *Node) Watch(f func(Change)) { n.watchers = append(n.watchers, f) }

// Start joins this node to the others.
func (n *Node) Start(open Open) error {
	engine, err := open(n.name, receiver{n})
	if err != nil {
		return err
	}
	n.engine = engine
	close(n.opened)
	go n.run()
	return nil
}

// Name is this node's name, "" of a nil one.
func (n *Node) Name() string {
	if n == nil {
		return ""
	}
	return n.name
}

// State tells what is known of another node: one load and one look into a map.
func (n *Node) State(name string) State {
	if n == nil {
		return Unknown
	}
	return (*n.states.Load())[name].State
}

// Alive tells whether another node is a member and was heard lately.
func (n *Node) Alive(name string) bool { return n.State(name) == Alive }

// Takes tells whether another node is alive and does not drain, so that new work may go there.
func (n *Node) Takes(name string) bool {
	if n == nil {
		return false
	}
	s := (*n.states.Load())[name]
	return s.State == Alive && !s.draining
}

// Members is what is known of all other nodes, by name. It is nobody's to change.
func (n *Node) Members() []Member {
	if n == nil {
		return nil
	}
	return *n.list.Load()
}

// Refused is why this node is no member, "" if it is one.
func (n *Node) Refused() string {
	if n == nil {
		return ""
	}
	if why := n.refused.Load(); why != nil {
		return *why
	}
	return ""
}

// Send is Engine.Send. To a node that is known to be dead, to have left or to be refused it is ErrNoNode at once.
func (n *Node) Send(to string, kind Kind, id uint64, data []byte) error {
	if n == nil {
		return ErrNoNode
	}
	err := n.check()
	if err == nil {
		switch n.State(to) {
		case Dead, Left, Refused:
			err = ErrNoNode
		default:
			err = n.engine.Send(to, kind, id, data)
		}
	}
	n.metrics.sent(len(data), err)
	return err
}

// Publish is Engine.Publish.
func (n *Node) Publish(kind Kind, id uint64, data []byte) error {
	if n == nil {
		return ErrNoNode
	}
	err := n.check()
	if err == nil {
		err = n.engine.Publish(kind, id, data)
	}
	n.metrics.sent(len(data), err)
	return err
}

// check tells why nothing can be sent.
func (n *Node) check() error {
	if n.refused.Load() != nil {
		return ErrRefused
	}
	select {
	case <-n.opened:
		return nil
	default:
		return ErrClosed
	}
}

// Drain says to the others that this node wants no new work. It stays a member.
func (n *Node) Drain() {
	if n == nil {
		return
	}
	n.drain.Store(true)
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// Close says goodbye, sends what waits to leave until ctx ends, and leaves. Nothing is received when it returns.
func (n *Node) Close(ctx context.Context) error {
	if n == nil || n.engine == nil {
		return nil
	}
	n.once.Do(func() { close(n.stop) })
	<-n.done
	return n.engine.Close(ctx)
}
