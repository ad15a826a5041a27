package mount

import (
	"fmt"

	"github.com/VictoriaMetrics/metrics"
)

// Every series of this package. Labels are bounded: mounts by the configuration, reasons by the lists in errors.go.

// Dropped is a line of an upstream that nobody hears.
type Dropped uint8

const (
	dropNoMCP  Dropped = iota // it is no message
	dropLate                  // it answers what nobody waits for any more
	dropLong                  // it is above max_line_bytes
	dropUnsaid                // a notification or request that is not passed on
	droppeds
)

var droppedWords = [droppeds]string{"not_mcp", "late", "line_too_long", "not_passed_on"}

// series are those of one mount.
type series struct {
	starts  *metrics.Counter
	ended   [endings]*metrics.Counter
	failed  [failures]*metrics.Counter
	dropped [droppeds]*metrics.Counter
	calls   *metrics.Counter
}

func (m *Mount) register(set *metrics.Set) {
	s := &m.series
	label := fmt.Sprintf("mount=%q", m.name)
	s.starts = set.NewCounter(`weir_mount_starts_total{` + label + `}`)
	s.calls = set.NewCounter(`weir_mount_calls_total{` + label + `}`)
	for i, word := range endingWords {
		if Ending(i) != endNotYet {
			s.ended[i] = set.NewCounter(fmt.Sprintf(`weir_mount_ended_total{%s,reason=%q}`, label, word))
		}
	}
	for i, word := range failureWords {
		s.failed[i] = set.NewCounter(fmt.Sprintf(`weir_mount_calls_failed_total{%s,reason=%q}`, label, word))
	}
	for i, word := range droppedWords {
		s.dropped[i] = set.NewCounter(fmt.Sprintf(`weir_mount_lines_dropped_total{%s,reason=%q}`, label, word))
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
	gauge(`weir_mount_in_flight`, func(s Status) int { return s.InFlight })
	gauge(`weir_mount_in_flight_limit`, func(Status) int { return m.opt.MaxInFlight })
	gauge(`weir_mount_client_in_flight`, func(s Status) int { return s.ClientInFlight })
	gauge(`weir_mount_client_in_flight_limit`, func(Status) int { return m.share(m.opt.MaxInFlight) })
	gauge(`weir_mount_waiting`, func(s Status) int { return s.Waiting })
	gauge(`weir_mount_waiting_limit`, func(Status) int { return m.opt.MaxWaiting })
	gauge(`weir_mount_request_bytes`, func(s Status) int { return s.RequestBytes })
	gauge(`weir_mount_answer_bytes`, func(s Status) int { return s.AnswerBytes })
	gauge(`weir_mount_limit_bytes`, func(Status) int { return m.opt.MaxBytes })
}
