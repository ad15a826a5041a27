package transport

import (
	"fmt"

	"github.com/VictoriaMetrics/metrics"

	"weir/reactor/auth"
)

// siteMetrics are the series this package owns.
type siteMetrics struct {
	streamsOpened *metrics.Counter
	tokensRefused [auth.Refusals]*metrics.Counter
}

func (s *Site) registerMetrics(set *metrics.Set) {
	m := &s.metrics
	for refusal := auth.Good + 1; refusal < auth.Refusals; refusal++ {
		m.tokensRefused[refusal] = set.NewCounter(fmt.Sprintf("weir_tokens_refused_total{reason=%q}", refusal))
	}
	m.streamsOpened = set.NewCounter("weir_streams_opened_total")
	set.NewGauge("weir_tokens", func() float64 {
		if tokens := s.Tokens.Load(); tokens != nil {
			return float64(tokens.Len())
		}
		return 0
	})
	set.NewGauge("weir_http_sse_sessions", func() float64 { return float64(s.sessions.len()) })
}
