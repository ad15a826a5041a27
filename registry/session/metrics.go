package session

import (
	"fmt"
	"time"

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
	lasted  *metrics.PrometheusHistogram
}

// durationBounds are those that OpenTelemetry's conventions for MCP ask of mcp.server.session.duration, in seconds, and
// what an hour and a day need.
var durationBounds = []float64{0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 3600, 86400}

// count counts a session that has ended.
func (s *series) count(why ending, lasted time.Duration) {
	s.ended[why].Inc()
	s.lasted.Update(lasted.Seconds())
}

func newSeries(set *metrics.Set, count func() int) (s series) {
	for i, reason := range endingNames {
		s.ended[i] = set.NewCounter(fmt.Sprintf(`weir_sessions_ended_total{reason=%q}`, reason))
	}
	s.refused = set.NewCounter(`weir_sessions_refused_total`)
	s.lasted = set.NewPrometheusHistogramExt(`mcp_server_session_duration_seconds`, durationBounds)
	set.NewGauge(`weir_sessions`, func() float64 { return float64(count()) })
	return s
}
