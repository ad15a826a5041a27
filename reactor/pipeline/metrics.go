package pipeline

import (
	"fmt"
	"sync/atomic"

	"github.com/VictoriaMetrics/metrics"
)

// dropReason says why an accepted message got no answer.
type dropReason uint8

const (
	dropCancelled    dropReason = iota // the peer took it back
	dropDisconnected                   // it still waited when its connection ended
	dropReasons
)

var dropNames = [dropReasons]string{"cancelled", "disconnected"}

// pipelineMetrics are the series this package owns, beside those it derives from the counters of the intakes.
type pipelineMetrics struct {
	dropped      [dropReasons]*metrics.Counter
	unaffordable *metrics.Counter // answers for which there was no room
}

func (p *Pipeline) registerMetrics(set *metrics.Set) {
	for reason := range dropReasons {
		name := fmt.Sprintf("weir_messages_dropped_total{reason=%q}", dropNames[reason])
		p.metrics.dropped[reason] = set.NewCounter(name)
	}
	for k := range kinds {
		set.NewGauge(fmt.Sprintf("weir_transport_connections{transport=%q}", k),
			func() float64 { return float64(p.kinds[k].Load()) })
	}
	p.metrics.unaffordable = set.NewCounter(`weir_answers_refused_total{reason="outbox_total_bytes"}`)
	p.sum(set, "weir_messages_received_total", func(in *Intake) *atomic.Uint64 { return &in.stats.received })
	p.sum(set, "weir_connections_held_back_total", func(in *Intake) *atomic.Uint64 { return &in.stats.heldBack })
	p.sum(set, "weir_messages_inline_total", func(in *Intake) *atomic.Uint64 { return &in.stats.inline })
}

// sum registers the total of a counter that every intake keeps for itself.
func (p *Pipeline) sum(set *metrics.Set, name string, of func(*Intake) *atomic.Uint64) {
	set.NewGauge(name, func() float64 {
		total := uint64(0)
		for _, in := range p.intakes {
			total += of(in).Load()
		}
		return float64(total)
	})
}
