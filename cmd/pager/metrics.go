package pager

import (
	"fmt"

	"github.com/VictoriaMetrics/metrics"
)

// dropReason says why a change did not reach the receiver.
type dropReason uint8

const (
	dropFull     dropReason = iota // max_queue waited
	dropRejected                   // the receiver said that it is wrong (4xx, or a redirect)
	dropGaveUp                     // give_up_after
	dropStopped                    // the server stopped
	dropReasons
)

var dropNames = [dropReasons]string{"webhook_queue_full", "webhook_rejected", "webhook_gave_up", "webhook_stopped"}

type pagerMetrics struct {
	sent, failures *metrics.Counter
	dropped        [dropReasons]*metrics.Counter
}

func (m *pagerMetrics) register(p *Pager, set *metrics.Set) {
	m.sent = set.NewCounter("weir_webhooks_sent_total")
	m.failures = set.NewCounter("weir_webhook_failures_total")
	for reason, name := range dropNames {
		m.dropped[reason] = set.NewCounter(fmt.Sprintf("weir_webhooks_dropped_total{reason=%q}", name))
	}
	set.NewGauge("weir_webhooks_waiting", func() float64 { return float64(p.Waiting()) })
	set.NewGauge("weir_webhooks_waiting_limit", func() float64 {
		p.mu.Lock()
		defer p.mu.Unlock()
		return float64(p.o.MaxQueue)
	})
}
