package session

import (
	"fmt"

	"github.com/VictoriaMetrics/metrics"
)

// Every series of this package. Labels are bounded by the list below. docs/METRICS.md says what each is.

// ending is why a session ended.
type ending uint8

const (
	endedByClient ending = iota // DELETE
	endedIdle                   // Options.Idle
	endedByAge                  // Options.MaxAge
	endings
)

var endingNames = [endings]string{"deleted", "session_idle_timeout", "session_expired"}

type series struct {
	ended   [endings]*metrics.Counter
	refused *metrics.Counter
}

func newSeries(set *metrics.Set, count func() int) (s series) {
	for i, reason := range endingNames {
		s.ended[i] = set.NewCounter(fmt.Sprintf(`weir_sessions_ended_total{reason=%q}`, reason))
	}
	s.refused = set.NewCounter(`weir_sessions_refused_total`)
	set.NewGauge(`weir_sessions`, func() float64 { return float64(count()) })
	return s
}
