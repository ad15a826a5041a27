package nats

import (
	"github.com/VictoriaMetrics/metrics"
	client "github.com/nats-io/nats.go"
)

type engineMetrics struct {
	unsent, incomplete, foreign *metrics.Counter
}

// register makes the series of an engine.
func (e *engine) register(set *metrics.Set) {
	e.metrics.unsent = set.NewCounter(`weir_cluster_messages_dropped_total{reason="not_connected"}`)
	e.metrics.incomplete = set.NewCounter(`weir_cluster_messages_dropped_total{reason="incomplete"}`)
	e.metrics.foreign = set.NewCounter(`weir_cluster_messages_dropped_total{reason="unreadable"}`)
	e.trouble.wrongSecret = set.NewCounter(`weir_cluster_links_refused_total{reason="wrong_secret"}`)
	set.NewGauge(`weir_cluster_messages_dropped_total{reason="incoming_full"}`, func() float64 {
		dropped := 0
		for _, sub := range e.subscriptions() {
			if n, err := sub.Dropped(); err == nil {
				dropped += n
			}
		}
		return float64(dropped)
	})
	set.NewGauge("weir_cluster_outgoing_bytes", func() float64 { return float64(e.out.waiting()) })
	set.NewGauge("weir_cluster_outgoing_limit_bytes", func() float64 { return float64(e.o.MaxOutgoingBytes) })
	set.NewGauge("weir_cluster_incoming_bytes", func() float64 {
		waiting := 0
		for _, sub := range e.subscriptions() {
			if _, n, err := sub.Pending(); err == nil {
				waiting += n
			}
		}
		return float64(waiting)
	})
	set.NewGauge("weir_cluster_incoming_limit_bytes", func() float64 { return float64(e.o.MaxIncomingBytes) })
	set.NewGauge("weir_cluster_links", func() float64 {
		select {
		case <-e.opened:
			return float64(len(e.Health().Links))
		default:
			return 0
		}
	})
}

// subscriptions are those that are open, from the moment that open has returned.
func (e *engine) subscriptions() []*client.Subscription {
	select {
	case <-e.opened:
		return []*client.Subscription{e.own, e.all}
	default:
		return nil
	}
}
