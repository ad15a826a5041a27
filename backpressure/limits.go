package backpressure

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/VictoriaMetrics/metrics"

	"weir/backpressure/rate"
)

// Limits decides about new connections. All methods are concurrent: every accepting loop calls them.
//
// One mutex guards all of it. Connections come a thousand times more rarely than messages, and limits
// that are decided together are exact: the connection after the last allowed one is refused, not the
// fourth after it.
type Limits struct {
	options Options
	queue   *Queue
	onSoft  func(exceeded bool, connections int)
	metrics limitsMetrics

	// Written under mu, read by gauges without it.
	connections  atomic.Int64
	peak         atomic.Int64
	softExceeded atomic.Bool

	mu         sync.Mutex
	addresses  map[netip.Addr]int // open connections per address; only addresses that have one
	principals map[string]int     // the same, per principal
	accepts    rate.Meter
}

// NewLimits returns the limits of o, which must be valid and resolved. q tells about pressure and drain.
// onSoft (nil: nobody) hears when SoftConnections is reached, and when the number has fallen a twentieth
// below it again; calls come from the goroutine that opened or closed, without a lock held, and may
// overtake each other.
func NewLimits(o Options, q *Queue, onSoft func(exceeded bool, connections int), set *metrics.Set) (*Limits, error) {
	errs := o.Validate()
	if o.MaxConnections == 0 || o.SoftConnections == 0 {
		errs = append(errs,
			errors.New("max_connections, soft_connections: 0 is not resolved: allowed is what Resolve returns"))
	}
	if o.MaxConnections+OwnLanes+q.options.TaskLanes > q.pools[Compute].ring.Capacity() {
		errs = append(errs, fmt.Errorf("max_connections: %d is above what the queue was made for: allowed is at most %d",
			o.MaxConnections, q.options.MaxConnections))
	}
	if errs != nil {
		return nil, errors.Join(errs...)
	}
	l := &Limits{options: o, queue: q, onSoft: onSoft, addresses: map[netip.Addr]int{}, principals: map[string]int{}}
	l.accepts.Limit = o.MaxAcceptRate
	l.metrics.register(l, set)
	return l, nil
}

// Connections returns how many connections are open.
func (l *Limits) Connections() int { return int(l.connections.Load()) }

// Refusing is why a newcomer would be turned away now, whatever its address: Draining, ProcessPressure, QueuePressure,
// ConnectionLimit, or Accepted when it would not. It counts nothing. Concurrent.
func (l *Limits) Refusing() Refusal {
	switch {
	case l.queue.Draining():
		return Draining
	case l.queue.shedding.has(shedConnections):
		return ProcessPressure
	case l.queue.pressed():
		return QueuePressure
	case l.connections.Load()+l.queue.lingering.Load() >= int64(l.options.MaxConnections):
		return ConnectionLimit
	}
	return Accepted
}

// Open asks for a connection from addr; the zero Addr (a unix socket) is exempt from the address limit.
// Accepted: Close must follow once, with the same addr. Anything else: nothing was counted, and the
// caller tells the peer and calls Queue.CountRefusal.
func (l *Limits) Open(addr netip.Addr) Refusal {
	switch {
	case l.queue.Draining():
		return Draining
	case l.queue.shedding.has(shedConnections):
		return ProcessPressure
	case l.queue.pressed():
		return QueuePressure
	}
	l.mu.Lock()
	refusal := l.open(addr.Unmap(), Now())
	soft := l.judgeSoft()
	l.mu.Unlock()
	if refusal == Accepted {
		l.metrics.accepted.Inc()
	}
	l.report(soft)
	return refusal
}

// open needs l.mu.
func (l *Limits) open(addr netip.Addr, now int64) Refusal {
	n := l.connections.Load()
	if n+l.queue.lingering.Load() >= int64(l.options.MaxConnections) {
		return ConnectionLimit
	}
	counted := l.counts(addr)
	if counted && l.addresses[addr] >= l.options.MaxConnectionsPerAddress {
		return ConnectionLimitPerAddress
	}
	if !l.accepts.Take(now) { // last, because it spends a token
		return AcceptRate
	}
	if counted {
		l.addresses[addr]++
	}
	l.connections.Store(n + 1)
	l.peak.Store(max(l.peak.Load(), n+1))
	return Accepted
}

// Close gives back what Open counted. It comes after Queue.Close of the same connection.
func (l *Limits) Close(addr netip.Addr) {
	addr = addr.Unmap()
	l.mu.Lock()
	n := l.connections.Add(-1)
	left := 0
	if l.counts(addr) {
		left = l.addresses[addr] - 1
		if left == 0 {
			delete(l.addresses, addr)
		} else {
			l.addresses[addr] = left
		}
	}
	soft := l.judgeSoft()
	l.mu.Unlock()
	if n < 0 || left < 0 {
		panic(fmt.Sprintf("backpressure: a connection of %v was closed that was not open: %d in all, %d of it left", addr, n,
			left))
	}
	l.report(soft)
}

// Join asks to count an open connection as principal's. Accepted: Leave must follow once, with the same principal,
// before or after Close. ConnectionLimitPerPrincipal: nothing was counted, and the caller tells the peer and calls
// Queue.CountRefusal.
func (l *Limits) Join(principal string) Refusal {
	most := l.options.MaxConnectionsPerPrincipal
	if most == 0 {
		return Accepted
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.principals[principal] >= most {
		return ConnectionLimitPerPrincipal
	}
	l.principals[principal]++
	return Accepted
}

// Leave gives back what Join counted.
func (l *Limits) Leave(principal string) {
	if l.options.MaxConnectionsPerPrincipal == 0 {
		return
	}
	l.mu.Lock()
	left := l.principals[principal] - 1
	if left == 0 {
		delete(l.principals, principal)
	} else {
		l.principals[principal] = left
	}
	l.mu.Unlock()
	if left < 0 {
		panic(fmt.Sprintf("backpressure: a connection of principal %q ended that had not begun", principal))
	}
}

func (l *Limits) counts(addr netip.Addr) bool {
	return l.options.MaxConnectionsPerAddress > 0 && addr.IsValid()
}

// softChange is a crossing of the soft limit that is yet to be reported.
type softChange struct {
	crossed, exceeded bool
	connections       int
}

// judgeSoft needs l.mu. The alert clears a twentieth below the limit, so that one client that comes and
// goes at the limit is not an event each time.
func (l *Limits) judgeSoft() softChange {
	n, soft, was := int(l.connections.Load()), l.options.SoftConnections, l.softExceeded.Load()
	is := n >= soft || was && n >= soft-soft/20
	if is != was {
		l.softExceeded.Store(is)
	}
	return softChange{crossed: is != was, exceeded: is, connections: n}
}

func (l *Limits) report(c softChange) {
	if c.crossed && l.onSoft != nil {
		l.onSoft(c.exceeded, c.connections)
	}
}

func (l *Limits) acceptRate() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.accepts.Last(Now())
}

// pressed reports whether the queue is too full for new connections.
func (q *Queue) pressed() bool {
	messages, bytes := q.waiting.pressed(), q.held.pressed()
	return messages || bytes
}
