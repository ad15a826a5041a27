package reactor

import (
	"context"
	"fmt"

	"github.com/VictoriaMetrics/metrics"
	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"weir/backpressure"
	"weir/registry"
)

// Assembly is what a server is made of. Only Registry is needed.
type Assembly struct {
	Registry *registry.Registry
	Options  *Options              // nil: DefaultOptions
	Bounds   *backpressure.Options // nil: backpressure.DefaultOptions; resolved for this machine
	Metrics  *metrics.Set          // nil: a set that nobody reads
	Log      zerolog.Logger        // the zero Logger is silent
}

// Launched is a server that runs, with the queue and the workers behind it.
type Launched struct {
	*Server
	queue *backpressure.Queue
}

// Launch puts a server together, binds its addresses and starts it: New, Listen and Start with all that they need, for
// programs that offer something of their own and have no wishes beyond options. The server runs until Stop. On error
// nothing is left behind.
func Launch(a Assembly) (*Launched, error) {
	options, bounds := DefaultOptions(), backpressure.DefaultOptions()
	if a.Options != nil {
		options = *a.Options
	}
	if a.Bounds != nil {
		bounds = *a.Bounds
	}
	if a.Metrics == nil {
		a.Metrics = metrics.NewSet()
	}
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return nil, fmt.Errorf("read the limit on open files: %w", err)
	}
	bounds = bounds.Resolve(files.Cur)
	queue, err := backpressure.NewQueue(bounds, a.Metrics)
	if err != nil {
		return nil, err
	}
	limits, err := backpressure.NewLimits(bounds, queue, nil, a.Metrics)
	if err != nil {
		return nil, err
	}
	server, err := New(options, Deps{Registry: a.Registry, Queue: queue, Limits: limits, Metrics: a.Metrics, Log: a.Log})
	if err != nil {
		return nil, err
	}
	if err := server.Listen(); err != nil {
		return nil, err
	}
	queue.Start()
	launched := &Launched{Server: server, queue: queue}
	if err := server.Start(); err != nil {
		over, cancel := context.WithCancel(context.Background())
		cancel()
		launched.Stop(over)
		return nil, err
	}
	return launched, nil
}

// Stop drains the server and ends its workers, each with what is left of ctx. A context that is over cuts what is under
// way; one that never ends waits for every handler to return.
func (l *Launched) Stop(ctx context.Context) DrainReport {
	report := l.Drain(ctx)
	l.queue.Stop(ctx)
	return report
}
