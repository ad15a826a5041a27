package backpressure

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/VictoriaMetrics/metrics"

	"weir/backpressure/rate"
	"weir/backpressure/tally"
)

// Limits decides about new connections. All methods are concurrent: every accepting loop calls them.
//
// One mutex guards all of it. Connections come a thousand times more rarely than messages, and limits that are decided
// together are exact: the connection after the last allowed one is refused, not the fourth after it.
type Limits struct {
	Bounds  atomic.Pointer[Options] // those that connections are judged by now, for others to read
	queue   *Queue
	onSoft  func(exceeded bool, connections int)
	metrics limitsMetrics

	// Written under mu, read by gauges without it.
	connections atomic.Int64
	peak        atomic.Int64
	soft        tally.Mark
	elsewhere   atomic.Int64 // connections of another process that count here

	mu         sync.Mutex
	addresses  tally.Tally[netip.Addr] // open connections
	principals tally.Tally[string]
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
	l := &Limits{queue: q, onSoft: onSoft}
	l.Bounds.Store(&o)
	l.accepts.Limit, l.addresses.Off = o.MaxAcceptRate, o.MaxConnectionsPerAddress == 0
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
	case l.full():
		return ConnectionLimit
	}
	return Accepted
}

// Open asks for a connection from addr; the zero Addr (a unix socket) is exempt from the address limit.
// Accepted: Close must follow once, with the same addr. Anything else: nothing was counted, and the
// caller tells the peer and calls Queue.CountRefusal.
func (l *Limits) Open(addr netip.Addr) Refusal { return l.count(addr, true) }

// OpenForwarded is Open for a request that another node of the cluster has accepted the connection of: the rate of
// accepts is not its matter.
func (l *Limits) OpenForwarded(addr netip.Addr) Refusal { return l.count(addr, false) }

func (l *Limits) count(addr netip.Addr, accepts bool) Refusal {
	switch {
	case l.queue.Draining():
		return Draining
	case l.queue.shedding.has(shedConnections):
		return ProcessPressure
	case l.queue.pressed():
		return QueuePressure
	}
	l.mu.Lock()
	refusal := l.open(addr.Unmap(), Now(), accepts)
	crossed, exceeded, now := l.judgeSoft()
	l.mu.Unlock()
	if refusal == Accepted && accepts {
		l.metrics.accepted.Inc()
	}
	l.report(crossed, exceeded, now)
	return refusal
}

// open needs l.mu.
func (l *Limits) open(addr netip.Addr, now int64, accepts bool) Refusal {
	switch counted := addr.IsValid(); {
	case l.full():
		return ConnectionLimit
	case counted && !l.addresses.Take(addr, l.Bounds.Load().MaxConnectionsPerAddress):
		return ConnectionLimitPerAddress
	case accepts && !l.accepts.Take(now): // last, because it spends a token
		if counted {
			l.addresses.Give(addr)
		}
		return AcceptRate
	}
	l.peak.Store(max(l.peak.Load(), l.connections.Add(1)))
	return Accepted
}

// full says whether MaxConnections are open, those of another process of the server included.
func (l *Limits) full() bool {
	return l.connections.Load()+l.queue.lingering.Load()+l.elsewhere.Load() >= int64(l.Bounds.Load().MaxConnections)
}

// CountElsewhere counts n connections of another process of the server as open. Concurrent.
func (l *Limits) CountElsewhere(n int) { l.elsewhere.Store(int64(n)) }

// Replace goes by other bounds of connections from now on. o is valid and resolved; its MaxConnections is no more than
// at the start, and a bound per address or principal is off in both or in neither. Concurrent.
func (l *Limits) Replace(o Options) {
	l.mu.Lock()
	l.Bounds.Store(&o)
	l.accepts.Limit = o.MaxAcceptRate
	crossed, exceeded, now := l.judgeSoft()
	l.mu.Unlock()
	l.report(crossed, exceeded, now)
}

// Close gives back what Open counted. It comes after Queue.Close of the same connection.
func (l *Limits) Close(addr netip.Addr) {
	addr = addr.Unmap()
	l.mu.Lock()
	n, left := l.connections.Add(-1), 0
	if addr.IsValid() {
		left = l.addresses.Give(addr)
	}
	crossed, exceeded, now := l.judgeSoft()
	l.mu.Unlock()
	if n < 0 || left < 0 {
		panic(fmt.Sprintf("backpressure: a connection of %v was closed that was not open: %d in all, %d left", addr, n, left))
	}
	l.report(crossed, exceeded, now)
}

// Join asks to count an open connection as principal's. Accepted: Leave must follow once, with the same principal,
// before or after Close. ConnectionLimitPerPrincipal: nothing was counted, and the caller tells the peer and calls
// Queue.CountRefusal.
func (l *Limits) Join(principal string) Refusal {
	most := l.Bounds.Load().MaxConnectionsPerPrincipal
	if most == 0 {
		return Accepted
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.principals.Take(principal, most) {
		return ConnectionLimitPerPrincipal
	}
	return Accepted
}

// Leave gives back what Join counted.
func (l *Limits) Leave(principal string) {
	if l.Bounds.Load().MaxConnectionsPerPrincipal == 0 {
		return
	}
	l.mu.Lock()
	left := l.principals.Give(principal)
	l.mu.Unlock()
	if left < 0 {
		panic(fmt.Sprintf("backpressure: a connection of principal %q ended that had not begun", principal))
	}
}

// judgeSoft needs l.mu.
func (l *Limits) judgeSoft() (crossed, exceeded bool, connections int) {
	connections = int(l.connections.Load())
	crossed, exceeded = l.soft.Judge(connections, l.Bounds.Load().SoftConnections)
	return crossed, exceeded, connections
}

func (l *Limits) report(crossed, exceeded bool, connections int) {
	if crossed && l.onSoft != nil {
		l.onSoft(exceeded, connections)
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
