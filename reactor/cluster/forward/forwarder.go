package forward

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"weir/backpressure"
	"weir/reactor/cluster"
)

// Nodes are the other nodes: a cluster.Node.
type Nodes interface {
	Send(to string, kind cluster.Kind, id uint64, data []byte) error
	State(name string) cluster.State
}

// Forwarder is a node's part in forwarding: the entry of its own clients' requests, and the owner for others'. Its
// methods are safe for concurrent use and never block, but for Drain.
type Forwarder struct {
	opt    Options
	nodes  Nodes
	host   Host
	m      series
	id     atomic.Uint64 // of the latest request: no id is given twice, not even by the process that comes after this one
	asked  table[uint64, *Asked]
	served table[servedKey, *Served]

	draining atomic.Bool
	checked  time.Time // when it was last looked at what is open for long; Tick's
	waits    struct {  // what could not be said yet, for want of room
		sync.Mutex
		list  []debtor
		armed bool
	}
}

// debtor has something to say that found no room.
type debtor interface {
	// pay says it; false: there is no room still.
	pay() bool
}

// New makes a forwarder to nodes, which has host serve what comes. It is to be the Handler of Kinds, and to be told of
// every change of a node's state (Changed). Its series are in set.
func New(o Options, nodes Nodes, host Host, set *metrics.Set) *Forwarder {
	f := &Forwarder{opt: o, nodes: nodes, host: host}
	f.id.Store(uint64(time.Now().UnixNano()))
	f.register(set)
	return f
}

// Changed tells of a node's new state.
func (f *Forwarder) Changed(c cluster.Change) {
	switch c.To {
	case cluster.Dead, cluster.Left, cluster.Refused:
		f.lose(c.Node)
	}
}

// lose ends all that is between this node and another one that is gone.
func (f *Forwarder) lose(node string) {
	for _, a := range f.asked.those(func(a *Asked) bool { return a.to == node }) {
		a.end(Lost)
	}
	for _, s := range f.served.those(func(s *Served) bool { return s.key.from == node }) {
		s.left()
	}
}

// Receive implements cluster.Handler.
func (f *Forwarder) Receive(from string, kind cluster.Kind, id uint64, data []byte) {
	switch kind {
	case kindRequest, kindPiece, kindLast:
		f.take(servedKey{from, id}, kind, data)
	case kindLeft, kindHalf, kindCredit:
		if s, ok := f.served.find(servedKey{from, id}); ok {
			s.told(kind, data)
			return
		}
		f.m.late.Inc()
		if kind == kindCredit { // who waits for it is to wait no more
			_ = f.nodes.Send(from, kindEnd, id, []byte{byte(Cut), 0})
		}
	case kindAnswer, kindCut, kindEnd, kindWhole:
		if a, ok := f.asked.find(id); ok && a.to == from {
			a.told(kind, data)
			return
		}
		f.m.late.Inc()
		if kind == kindAnswer || kind == kindCut {
			_ = f.nodes.Send(from, kindLeft, id, nil)
		}
	}
}

// Nobody implements cluster.Handler.
func (f *Forwarder) Nobody(to string, kind cluster.Kind, id uint64) {
	switch kind {
	case kindRequest, kindPiece, kindLast:
		if a, ok := f.asked.find(id); ok && a.to == to {
			a.end(Unknown)
		}
	case kindLeft, kindHalf, kindCredit:
		if a, ok := f.asked.find(id); ok && a.to == to {
			a.end(Lost)
		}
	case kindAnswer, kindCut, kindEnd, kindWhole:
		if s, ok := f.served.find(servedKey{to, id}); ok {
			s.left()
		}
	}
}

// payEvery is how long what found no room waits before it is said again.
const payEvery = 5 * time.Millisecond

// owe has d say soon what found no room now. d is in the list once.
func (f *Forwarder) owe(d debtor) {
	f.m.again.Inc()
	f.waits.Lock()
	defer f.waits.Unlock()
	f.waits.list = append(f.waits.list, d)
	if !f.waits.armed {
		f.waits.armed = true
		time.AfterFunc(payEvery, f.payAll)
	}
}

func (f *Forwarder) payAll() {
	f.waits.Lock()
	list := f.waits.list
	f.waits.list, f.waits.armed = nil, false
	f.waits.Unlock()
	for i, d := range list {
		if !d.pay() {
			f.waits.Lock()
			f.waits.list = append(f.waits.list, list[i:]...)
			if !f.waits.armed {
				f.waits.armed = true
				time.AfterFunc(payEvery, f.payAll)
			}
			f.waits.Unlock()
			return
		}
	}
}

// Both sides say now and then that they still have what is open for long: a message between nodes may be lost, and the
// other one may have taken this one for dead while it was frozen.
const (
	checkEvery = 5 * time.Second
	askAfter   = 30 * time.Second
	dropAfter  = 2*askAfter + 2*checkEvery
)

// Tick passes the time. It wants to be called a few times a second, by one goroutine.
func (f *Forwarder) Tick(now time.Time) {
	if now.Sub(f.checked) < checkEvery {
		return
	}
	f.checked = now
	at := backpressure.Now()
	quiet := func(heard *atomic.Int64, most time.Duration) bool { return at-heard.Load() > int64(most) }
	for _, a := range f.asked.those(func(a *Asked) bool { return quiet(&a.heard, askAfter) }) {
		a.heard.Store(at)
		a.ask()
	}
	for _, s := range f.served.those(func(s *Served) bool { return quiet(&s.heard, dropAfter) }) {
		s.left()
	}
}

// Drain refuses what is new and waits until what was forwarded is answered, streams aside, or ctx is over.
func (f *Forwarder) Drain(ctx context.Context) {
	f.draining.Store(true)
	tick := time.NewTicker(payEvery)
	defer tick.Stop()
	for len(f.asked.those(func(a *Asked) bool { return !a.stream })) > 0 {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// isFull says whether a message may be sent soon that could not be sent now.
func isFull(err error) bool { return errors.Is(err, cluster.ErrFull) }
