package forward

import (
	"fmt"

	"github.com/VictoriaMetrics/metrics"
)

// series are those that this package owns.
type series struct {
	forwarded *metrics.Counter // requests of this node's clients
	served    *metrics.Counter // requests of others' clients
	ended     [fates]*metrics.Counter
	sentBytes *metrics.Counter // of requests and responses
	stalled   *metrics.Counter // times that a response waited for its client
	again     *metrics.Counter // times that a message had to wait for room on its way
	late      *metrics.Counter // messages about what nobody has any more
}

func (f *Forwarder) register(set *metrics.Set) {
	f.m = series{
		forwarded: set.NewCounter("weir_cluster_forwarded_requests_total"),
		served:    set.NewCounter("weir_cluster_forwarded_served_total"),
		sentBytes: set.NewCounter("weir_cluster_forwarded_sent_bytes_total"),
		stalled:   set.NewCounter("weir_cluster_forwarded_stalled_total"),
		again:     set.NewCounter("weir_cluster_forwarded_retries_total"),
		late:      set.NewCounter("weir_cluster_forwarded_late_total"),
	}
	for fate := range fates {
		f.m.ended[fate] = set.NewCounter(fmt.Sprintf("weir_cluster_forwarded_ended_total{fate=%q}", fate))
	}
	set.NewGauge("weir_cluster_forwarded_open", func() float64 { return float64(f.asked.len()) })
	set.NewGauge("weir_cluster_forwarded_serving", func() float64 { return float64(f.served.len()) })
	set.NewGauge("weir_cluster_forwarded_limit", func() float64 { return float64(f.opt.MaxForwarded) })
	set.NewGauge("weir_cluster_forwarded_window_limit_bytes", func() float64 { return float64(f.opt.ForwardWindowBytes) })
}
