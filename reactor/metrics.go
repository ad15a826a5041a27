package reactor

import (
	"fmt"
	"sync/atomic"

	"github.com/VictoriaMetrics/metrics"

	"weir/reactor/auth"
)

// dropReason says why an accepted message got no answer.
type dropReason uint8

const (
	dropCancelled    dropReason = iota // the peer took it back
	dropDisconnected                   // it still waited when its connection ended
	dropReasons
)

var dropNames = [dropReasons]string{"cancelled", "disconnected"}

// serverMetrics are the series this package owns, beside those it derives from the counters of the intakes.
type serverMetrics struct {
	dropped       [dropReasons]*metrics.Counter
	streamsOpened *metrics.Counter
	tokensRefused [auth.Refusals]*metrics.Counter
}

func (s *Server) registerMetrics(set *metrics.Set) {
	m := &s.metrics
	for reason := range dropReasons {
		m.dropped[reason] = set.NewCounter(fmt.Sprintf("weir_messages_dropped_total{reason=%q}", dropNames[reason]))
	}
	for refusal := auth.Good + 1; refusal < auth.Refusals; refusal++ {
		m.tokensRefused[refusal] = set.NewCounter(fmt.Sprintf("weir_tokens_refused_total{reason=%q}", refusal))
	}
	m.streamsOpened = set.NewCounter("weir_streams_opened_total")
	set.NewGauge("weir_tokens", func() float64 {
		if tokens := s.tokens.Load(); tokens != nil {
			return float64(tokens.Len())
		}
		return 0
	})
	set.NewGauge("weir_http_sse_sessions", func() float64 { return float64(s.sse.len()) })
	s.sum(set, "weir_messages_received_total", func(in *intake) *atomic.Uint64 { return &in.stats.received })
	s.sum(set, "weir_messages_inline_total", func(in *intake) *atomic.Uint64 { return &in.stats.inline })
}

// sum registers the total of a counter that every intake keeps for itself.
func (s *Server) sum(set *metrics.Set, name string, of func(*intake) *atomic.Uint64) {
	set.NewGauge(name, func() float64 {
		total := uint64(0)
		for _, in := range s.intakes {
			total += of(in).Load()
		}
		return float64(total)
	})
}
