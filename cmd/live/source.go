package live

import (
	"github.com/VictoriaMetrics/metrics"

	"weir/registry/call"
)

// Source is what a View reads. None of its functions is nil; they are called from any goroutine.
type Source struct {
	Metrics *metrics.Set // with every series of the server in it already, but those of tools
	Totals  func() call.Totals
	Facts   func() Facts
	Limit   int64 // of the process's memory; 0: nobody knows
}
