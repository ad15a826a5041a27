package backpressure

import (
	"fmt"
	"io"
	"sync/atomic"

	"github.com/VictoriaMetrics/metrics"
)

// queueMetrics are the series of a Queue. Gauges are read from the queue's own counters when somebody
// asks, so they cost a message nothing.
type queueMetrics struct {
	panics   *metrics.Counter
	refusals [refusals]*metrics.Counter

	// Histograms take a lock per update. Workers spread over shards, which are summed when somebody asks,
	// so that the lock is hardly ever contended; an update happens once per batch.
	shards [classes][shardsPerClass]shard
	spread [classes]atomic.Uint32
}

const shardsPerClass = 16

type shard struct {
	waitSeconds metrics.Histogram
	messages    metrics.Histogram
	_           [cacheLineBytes]byte
}

func (m *queueMetrics) nextShard(c Class) *shard {
	return &m.shards[c][m.spread[c].Add(1)%shardsPerClass]
}

// observe counts a batch that was just taken: its size, and the wait of its oldest message.
func (s *shard) observe(b batch) {
	s.waitSeconds.Update(float64(b.first.since) / 1e9)
	s.messages.Update(float64(b.n))
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
	gauge("weir_queue_overloaded", func() int64 { return oneIf(q.overloaded(Now())) })
	for c, p := range q.pools {
		label := fmt.Sprintf("{class=%q}", Class(c))
		gauge("weir_queue_executing_messages"+label, q.executing[c].Load)
		gauge("weir_workers"+label, func() int64 { return int64(p.alive.Load()) })
		gauge("weir_workers_busy"+label, func() int64 { return max(0, int64(p.alive.Load()-p.sleepers.Load())) })
	}
	m.panics = set.NewCounter("weir_worker_panics_total")
	for r := Accepted + 1; r < refusals; r++ {
		m.refusals[r] = set.NewCounter(fmt.Sprintf("weir_refusals_total{reason=%q}", r))
	}
	m.refusals[Accepted] = new(metrics.Counter) // never shown: nothing was refused
	set.RegisterMetricsWriter(m.writeHistograms)
}

// writeHistograms writes weir_queue_wait_seconds and weir_queue_batch_messages, the sums over all shards.
func (m *queueMetrics) writeHistograms(w io.Writer) {
	sum := metrics.NewSet()
	for c := range Class(classes) {
		waits := sum.NewHistogram(fmt.Sprintf("weir_queue_wait_seconds{class=%q}", c))
		sizes := sum.NewHistogram(fmt.Sprintf("weir_queue_batch_messages{class=%q}", c))
		for i := range m.shards[c] {
			waits.Merge(&m.shards[c][i].waitSeconds)
			sizes.Merge(&m.shards[c][i].messages)
		}
	}
	sum.WritePrometheus(w)
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
	gauge("weir_connections_limit", func() int { return l.options.MaxConnections })
	gauge("weir_connections_soft_limit", func() int { return l.options.SoftConnections })
	gauge("weir_connections_soft_exceeded", func() int { return int(oneIf(l.softExceeded.Load())) })
	gauge("weir_connections_accept_rate", l.acceptRate)
	m.accepted = set.NewCounter("weir_connections_accepted_total")
}

func oneIf(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
