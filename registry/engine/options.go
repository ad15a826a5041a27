package engine

import (
	"time"

	"github.com/VictoriaMetrics/metrics"

	"weir/registry/clientreq"
	"weir/registry/concurrency"
	"weir/registry/event"
	"weir/registry/finder"
	"weir/registry/offer"
	"weir/registry/result"
	"weir/registry/session"
	"weir/registry/task"
)

// Options are the bounds of the parts of an engine, which adds what they share (epoch, metrics). registry.Options says
// what each means; they are checked there.
type Options struct {
	Results        result.Options
	Sessions       session.Options
	Events         event.Options
	ClientRequests clientreq.Options
	Tasks          task.Options
	Search         finder.Options

	// StateKey seals requestState, for StateTTL. "" is a random key.
	StateKey string
	StateTTL time.Duration
	// Partitions is into how many independently locked parts each table is cut.
	Partitions int
	// How much may be offered, of each kind.
	MaxTools, MaxPrompts, MaxResources, MaxResourceTemplates int
	// Views are what principals are offered of it, by their names. None: everything.
	Views map[string]*offer.Options
	// HandlerTimeout is how long a handler may run that has no timeout of its own; 0 is without end.
	HandlerTimeout time.Duration
	// AdaptiveConcurrency finds how many calls of a tool that waits may run at once, where its author does not say;
	// Concurrency bounds what is found.
	AdaptiveConcurrency bool
	Concurrency         concurrency.Options
	// NullIsAbsent takes null for an optional argument of a typed tool as if it were left out.
	NullIsAbsent bool
	// Metrics receives every series. Two engines cannot share one set.
	Metrics *metrics.Set
}
