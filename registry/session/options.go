package session

import (
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// Options holds the bounds of a table of sessions.
type Options struct {
	// Partitions is into how many independently locked parts the table is cut.
	Partitions int
	// Max is how many sessions there may be.
	Max int
	// Idle is how long a session may go without a request; MaxAge is how long one may live, 0 for ever.
	Idle, MaxAge time.Duration
	// EventTTL is for how long the events are kept that a client may resume from.
	EventTTL time.Duration

	// Epoch is what times are counted from.
	Epoch time.Time
	// Metrics receives the series of this package.
	Metrics *metrics.Set
}
