package backpressure

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"weir/backpressure/histogram"
)

// queueMetrics are the series of a Queue. Gauges are read from the queue's own counters when somebody
// asks, so they cost a message nothing.
type queueMetrics struct {
	panics   *metrics.Counter
	idle     *metrics.Counter // times that a worker slept beside work
	refusals [refusals]*metrics.Counter

	// Workers spread over shards, which are summed when somebody asks, so that they hardly ever write to the same
	// cache lines; an update happens once per batch.
	shards [classes][shardsPerClass]shard
	spread [classes]atomic.Uint32
}

const shardsPerClass = 16

type shard struct {
	waits    [len(waitBounds) + 1]atomic.Uint64 // batches by bucket
	waited   atomic.Int64                       // nanoseconds in all
	sizes    [len(sizeBounds) + 1]atomic.Uint64
	messages atomic.Int64 // in all
	_        [cacheLineBytes]byte
}

func (m *queueMetrics) nextShard(c Class) *shard {
	return &m.shards[c][m.spread[c].Add(1)%shardsPerClass]
}

// observe counts a batch that was just taken: its size, and the wait of its oldest message.
func (s *shard) observe(b batch) {
	wait, n := max(0, b.first.since), int64(b.n)
	s.waits[histogram.Bucket(waitBounds[:], wait)].Add(1)
	s.waited.Add(wait)
	s.sizes[histogram.Bucket(sizeBounds[:], n)].Add(1)
	s.messages.Add(n)
}

// idleGrace is how long a lane may be runnable beside a worker that sleeps, in milliseconds: whoever pushed it may have
// been held up before it woke anybody.
const idleGrace = 10

// milliseconds is a time of Now as Ticket.listed has it: enough to tell how far apart two are, in 49 days.
func milliseconds(now int64) uint32 { return uint32(now / int64(time.Millisecond)) }

// noteIdle counts that w slept while b could have run, and nobody had been woken for it. While a worker that was woken
// waits for a core, all others may sleep: it wakes the next one.
func (q *Queue) noteIdle(b batch, w *Worker) {
	if w.claimed != 0 && b.first.listed != 0 && int32(milliseconds(w.claimed)-b.first.listed) > idleGrace {
		q.metrics.idle.Inc()
	}
	if !w.row.New() { // a new lane goes before one that was forgotten
		w.claimed = 0
	}
}

// register creates every series of q in set, those that are still zero too.
func (m *queueMetrics) register(q *Queue, set *metrics.Set) {
	gauge := func(name string, value func() int64) {
		set.NewGauge(name, func() float64 { return float64(value()) })
	}
	gauge("weir_queue_waiting_messages", q.waiting.used.Load)
	gauge("weir_queue_waiting_peak_messages", q.waiting.peak.Load)
	gauge("weir_queue_waiting_limit_messages", func() int64 { return q.waiting.max })
	gauge("weir_queue_waiting_bytes", func() int64 { return max(0, q.held.used.Load()-q.executingBytes.Load()) })
	gauge("weir_queue_bytes", q.held.used.Load)
	gauge("weir_queue_peak_bytes", q.held.peak.Load)
	gauge("weir_queue_limit_bytes", func() int64 { return q.held.max })
	gauge("weir_queue_pressure", func() int64 { return oneIf(q.pressed()) })
	gauge("weir_queue_overloaded", func() int64 { return oneIf(q.overloaded(Now()) || q.standing(Now())) })
	set.NewGauge("weir_queue_expected_wait_seconds", func() float64 { return q.expectedWait().Seconds() })
	set.NewGauge("weir_queue_expected_wait_limit_seconds", q.options.MaxExpectedWait.Seconds)
	set.NewGauge("weir_queue_work_rate", func() float64 { return float64(q.load.rate.Load()) / rateUnit })
	gauge("weir_emergency_stop", func() int64 { return oneIf(q.shedding.has(shedLowest)) })
	for c, p := range q.pools {
		label := fmt.Sprintf("{class=%q}", Class(c))
		gauge("weir_queue_executing_messages"+label, q.executing[c].Load)
		gauge("weir_workers"+label, func() int64 { return int64(p.alive.Load()) })
		gauge("weir_workers_busy"+label, func() int64 { return max(0, int64(p.alive.Load()-p.sleepers.Load())) })
	}
	m.idle = set.NewCounter("weir_workers_idle_beside_work_total")
	m.panics = set.NewCounter("weir_worker_panics_total")
	for r := Accepted + 1; r < refusals; r++ {
		m.refusals[r] = set.NewCounter(fmt.Sprintf("weir_refusals_total{reason=%q}", r))
	}
	m.refusals[Accepted] = new(metrics.Counter) // never shown: nothing was refused
	set.RegisterMetricsWriter(m.writeHistograms)
}

// The ends of the buckets, each the largest value that it takes. What is above the last has a bucket of its own.
var (
	waitBounds = [...]int64{ // nanoseconds, from 100 us to 60 s
		100e3, 250e3, 500e3, 1e6, 2.5e6, 5e6, 10e6, 25e6, 50e6, 100e6, 250e6, 500e6, 1e9, 2.5e9, 5e9, 10e9, 30e9, 60e9,
	}
	sizeBounds = [...]int64{1, 2, 5, 10, 20, 50, 100, 1000} // messages
)

// WaitBounds are the ends of all buckets of Queue.Waits but the last, in nanoseconds.
func WaitBounds() []int64 { return waitBounds[:] }

// Waits is how many batches of class Compute there were since the start, by how long their oldest message had waited.
// Concurrent.
func (q *Queue) Waits() []uint64 {
	waits := make([]uint64, len(waitBounds)+1)
	for i := range q.metrics.shards[Compute] {
		for at := range waits {
			waits[at] += q.metrics.shards[Compute][i].waits[at].Load()
		}
	}
	return waits
}

// writeHistograms writes weir_queue_batch_messages and weir_queue_wait_seconds, the sums over all shards.
func (m *queueMetrics) writeHistograms(w io.Writer) {
	for c := range Class(classes) {
		h := histogram.Histogram{Name: "weir_queue_batch_messages", Class: c.String(), Bounds: sizeBounds[:], Unit: 1}
		for i := range m.shards[c] {
			h.Add(m.shards[c][i].sizes[:], &m.shards[c][i].messages)
		}
		h.Write(w)
	}
	for c := range Class(classes) {
		h := histogram.Histogram{Name: "weir_queue_wait_seconds", Class: c.String(), Bounds: waitBounds[:], Unit: 1e9}
		for i := range m.shards[c] {
			h.Add(m.shards[c][i].waits[:], &m.shards[c][i].waited)
		}
		h.Write(w)
	}
}

// limitsMetrics are the series of Limits.
type limitsMetrics struct {
	accepted *metrics.Counter
}

func (m *limitsMetrics) register(l *Limits, set *metrics.Set) {
	gauge := func(name string, value func() int) {
		set.NewGauge(name, func() float64 { return float64(value()) })
	}
	gauge("weir_connections", l.Connections)
	gauge("weir_connections_peak", func() int { return int(l.peak.Load()) })
	gauge("weir_connections_limit", func() int { return l.Bounds.Load().MaxConnections })
	gauge("weir_connections_soft_limit", func() int { return l.Bounds.Load().SoftConnections })
	gauge("weir_connections_soft_exceeded", func() int { return int(oneIf(l.soft.Exceeded())) })
	gauge("weir_connections_accept_rate", l.acceptRate)
	m.accepted = set.NewCounter("weir_connections_accepted_total")
}

func oneIf(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
