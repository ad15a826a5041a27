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

// serverMetrics are the series this package owns, beside those it derives from the loops' own counters.
type serverMetrics struct {
	closed           [closeReasons]*metrics.Counter
	dropped          [dropReasons]*metrics.Counter
	acceptErrors     *metrics.Counter
	outOfDescriptors *metrics.Counter
	outboxFull       *metrics.Counter
	earlyDropped     *metrics.Counter
	streamsOpened    *metrics.Counter
	tokensRefused    [auth.Refusals]*metrics.Counter
}

func (s *Server) registerMetrics(set *metrics.Set) {
	m := &s.metrics
	for reason := stillOpen + 1; reason < closeReasons; reason++ {
		m.closed[reason] = set.NewCounter(fmt.Sprintf("weir_connections_closed_total{reason=%q}", reason))
	}
	for reason := range dropReasons {
		m.dropped[reason] = set.NewCounter(fmt.Sprintf("weir_messages_dropped_total{reason=%q}", dropNames[reason]))
	}
	for refusal := auth.Good + 1; refusal < auth.Refusals; refusal++ {
		m.tokensRefused[refusal] = set.NewCounter(fmt.Sprintf("weir_tokens_refused_total{reason=%q}", refusal))
	}
	m.acceptErrors = set.NewCounter("weir_accept_errors_total")
	m.outOfDescriptors = set.NewCounter("weir_out_of_descriptors_total")
	m.outboxFull = set.NewCounter("weir_outbox_full_total")
	m.earlyDropped = set.NewCounter(`weir_notifications_dropped_total{reason="outbox_full"}`)
	m.streamsOpened = set.NewCounter("weir_streams_opened_total")
	gauge := func(name string, read func() int64) {
		set.NewGauge(name, func() float64 { return float64(read()) })
	}
	gauge("weir_outbox_bytes", s.outBytes.Load)
	gauge("weir_outbox_limit_bytes", func() int64 { return int64(s.opts.MaxOutboxTotalBytes) })
	gauge("weir_input_bytes", s.inBytes.Load)
	gauge("weir_input_limit_bytes", func() int64 { return int64(s.opts.MaxInputTotalBytes) })
	gauge("weir_tokens", func() int64 {
		if tokens := s.tokens.Load(); tokens != nil {
			return int64(tokens.Len())
		}
		return 0
	})
	gauge("weir_http_sse_sessions", s.sse.len)
	gauge("weir_loops", func() int64 { return int64(len(s.loops)) })
	s.sum(set, "weir_messages_received_total", func(l *loop) *atomic.Uint64 { return &l.stats.received })
	s.sum(set, "weir_messages_inline_total", func(l *loop) *atomic.Uint64 { return &l.stats.inline })
	s.sum(set, "weir_reads_total", func(l *loop) *atomic.Uint64 { return &l.stats.reads })
	s.sum(set, "weir_read_bytes_total", func(l *loop) *atomic.Uint64 { return &l.stats.readBytes })
	s.sum(set, "weir_loop_turns_total", func(l *loop) *atomic.Uint64 { return &l.stats.turns })
	for _, l := range s.loops {
		gauge(fmt.Sprintf("weir_loop_connections{loop=\"%d\"}", l.id), l.stats.connections.Load)
	}
}

// sum registers the total of a counter that every loop keeps for itself.
func (s *Server) sum(set *metrics.Set, name string, of func(*loop) *atomic.Uint64) {
	set.NewGauge(name, func() float64 {
		total := uint64(0)
		for _, l := range s.loops {
			total += of(l).Load()
		}
		return float64(total)
	})
}
