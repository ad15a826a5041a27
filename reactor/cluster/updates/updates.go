package updates

import (
	"encoding/binary"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"weir/reactor/cluster"
)

// Kind is that of the only message: URIs, each behind its length (uvarint).
const Kind = cluster.FirstForward + 15

const (
	// gather is how long an update waits for others.
	gather = 5 * time.Millisecond
	// mostBytes is what one message carries, and what waits at most.
	mostBytes = 32 << 10
)

// Publisher tells all other nodes: a cluster.Node.
type Publisher interface {
	Publish(kind cluster.Kind, id uint64, data []byte) error
}

// Updates is a node's part. Its methods are safe for concurrent use and never block.
type Updates struct {
	to   Publisher
	hear func(uri string)

	published, received, dropped *metrics.Counter

	mu      sync.Mutex
	waiting map[string]struct{}
	message []byte // with what is waiting
	armed   bool
}

// New makes a node's part, which is to be the Handler of Kind. hear is told of the other nodes' updates, on their
// goroutines; it must not block. The series are in set.
func New(to Publisher, hear func(uri string), set *metrics.Set) *Updates {
	u := &Updates{to: to, hear: hear, waiting: make(map[string]struct{}),
		published: set.NewCounter("weir_cluster_updates_published_total"),
		received:  set.NewCounter("weir_cluster_updates_received_total"),
		dropped:   set.NewCounter("weir_cluster_updates_dropped_total")}
	set.NewGauge("weir_cluster_updates_waiting", func() float64 {
		u.mu.Lock()
		defer u.mu.Unlock()
		return float64(len(u.waiting))
	})
	return u
}

// Tell tells the other nodes that a resource was updated. Longer URIs than a message holds are nobody's.
func (u *Updates) Tell(uri string) {
	need := len(uri) + binary.MaxVarintLen32
	if need > mostBytes {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, waits := u.waiting[uri]; waits {
		return
	}
	if len(u.message)+need > mostBytes && !u.flushLocked() {
		u.dropped.Add(len(u.waiting))
		u.forgetLocked()
	}
	u.waiting[uri] = struct{}{}
	u.message = append(binary.AppendUvarint(u.message, uint64(len(uri))), uri...)
	u.armLocked()
}

func (u *Updates) armLocked() {
	if !u.armed {
		u.armed = true
		time.AfterFunc(gather, u.flush)
	}
}

func (u *Updates) flush() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.armed = false
	if len(u.waiting) > 0 && !u.flushLocked() {
		u.armLocked()
	}
}

// flushLocked says what waits; false: there is no room now. What cannot be said at all is dropped.
func (u *Updates) flushLocked() bool {
	switch err := u.to.Publish(Kind, 0, u.message); err {
	case nil:
		u.published.Add(len(u.waiting))
	case cluster.ErrFull:
		return false
	default:
		u.dropped.Add(len(u.waiting))
	}
	u.forgetLocked()
	return true
}

func (u *Updates) forgetLocked() {
	clear(u.waiting)
	u.message = u.message[:0]
}

// Receive implements cluster.Handler.
func (u *Updates) Receive(_ string, _ cluster.Kind, _ uint64, data []byte) {
	for len(data) > 0 {
		size, n := binary.Uvarint(data)
		if n <= 0 || size > uint64(len(data)-n) {
			return
		}
		u.received.Inc()
		u.hear(string(data[n : n+int(size)]))
		data = data[n+int(size):]
	}
}

// Nobody implements cluster.Handler: nobody has to be there.
func (u *Updates) Nobody(string, cluster.Kind, uint64) {}
