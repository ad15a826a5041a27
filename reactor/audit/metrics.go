package audit

import (
	"fmt"

	"github.com/VictoriaMetrics/metrics"

	"weir/reactor/logwriter"
)

// register shows how many lines were lost.
func (l *Log) register(set *metrics.Set) {
	for reason, of := range map[string]func(logwriter.Lost) uint64{
		"buffer_full": func(lost logwriter.Lost) uint64 { return lost.Full },
		"write_error": func(lost logwriter.Lost) uint64 { return lost.Failed },
	} {
		set.NewGauge(fmt.Sprintf("weir_audit_lines_lost_total{reason=%q}", reason), func() float64 {
			if !l.On() {
				return 0
			}
			return float64(of(l.lines.Lost()))
		})
	}
}
