package clientreq

import (
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// Options holds the bounds of a table.
type Options struct {
	// Max is how many requests may wait for their answers.
	Max int
	// MaxPerClient is the same for one client.
	MaxPerClient int
	// MaxBytes is how many bytes of messages they may hold together: of the calls that wait, and of the answers to
	// calls that wait for more.
	MaxBytes int
	// Timeout is how long a call waits for its answers.
	Timeout time.Duration

	// Epoch is what times are counted from.
	Epoch time.Time
	// Metrics receives the series of this package.
	Metrics *metrics.Set
}
