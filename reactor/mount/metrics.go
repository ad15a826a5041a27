package mount

import (
	"fmt"

	"github.com/VictoriaMetrics/metrics"

	"weir/reactor/mount/reason"
)

// Every series of this package. Labels are bounded: mounts by the configuration, reasons by the lists of package
// reason.

func (m *Mount) register(set *metrics.Set) {
	s, bounds := &m.series, m.opt.bounds()
	label := fmt.Sprintf("mount=%q", m.name)
	s.starts = set.NewCounter(`weir_mount_starts_total{` + label + `}`)
	s.calls = set.NewCounter(`weir_mount_calls_total{` + label + `}`)
	for why := range reason.Endings {
		if why != reason.EndNotYet {
			s.ended[why] = set.NewCounter(fmt.Sprintf(`weir_mount_ended_total{%s,reason=%q}`, label, why))
		}
	}
	for why := range reason.Failures {
		s.failed[why] = set.NewCounter(fmt.Sprintf(`weir_mount_calls_failed_total{%s,reason=%q}`, label, why))
	}
	for why := range reason.Droppeds {
		s.dropped[why] = set.NewCounter(fmt.Sprintf(`weir_mount_lines_dropped_total{%s,reason=%q}`, label, why))
	}
	gauge := func(name string, value func(Status) int) {
		set.NewGauge(name+`{`+label+`}`, func() float64 { return float64(value(m.Status())) })
	}
	gauge(`weir_mount_up`, func(s Status) int {
		if s.Up {
			return 1
		}
		return 0
	})
	gauge(`weir_mount_tools`, func(s Status) int { return s.Tools })
	gauge(`weir_mount_prompts`, func(s Status) int { return s.Prompts })
	gauge(`weir_mount_resources`, func(s Status) int { return s.Resources })
	gauge(`weir_mount_in_flight`, func(s Status) int { return s.InFlight })
	gauge(`weir_mount_in_flight_limit`, func(Status) int { return m.opt.inFlight() })
	gauge(`weir_mount_client_in_flight`, func(s Status) int { return s.ClientInFlight })
	gauge(`weir_mount_client_in_flight_limit`, func(Status) int { return bounds.ShareOf(bounds.InFlight) })
	gauge(`weir_mount_waiting`, func(s Status) int { return s.Waiting })
	gauge(`weir_mount_waiting_limit`, func(Status) int { return m.opt.MaxWaiting })
	gauge(`weir_mount_request_bytes`, func(s Status) int { return s.RequestBytes })
	gauge(`weir_mount_answer_bytes`, func(s Status) int { return s.AnswerBytes })
	gauge(`weir_mount_breaker`, func(s Status) int { return int(s.Breaker) })
	gauge(`weir_mount_breaker_opened_total`, func(s Status) int { return s.Opened })
	gauge(`weir_mount_connections`, func(s Status) int { return s.Connections })
	gauge(`weir_mount_connections_limit`, func(Status) int { return m.opt.MaxConnections })
	gauge(`weir_mount_limit_bytes`, func(Status) int { return m.opt.MaxBytes })
}
