package pressure

import (
	"time"

	"weir/codec/option"
)

// Options say from which part of what there is on each Level begins. 0 is off.
type Options struct {
	// ShortenIdleAbove is the pressure above which idle connections are closed after a quarter of their time.
	ShortenIdleAbove float64 `yaml:"shorten_idle_above" default:"0.85" above:"0" max:"1" zero:"off"`
	// CloseAbove is the pressure above which HTTP connections are closed after their next answer.
	CloseAbove float64 `yaml:"close_above" default:"0.92" above:"0" max:"1" zero:"off"`
	// RefuseCallsAbove is the pressure above which calls are refused with process_pressure. Control and lists are served,
	// and /readyz stays 200: a balancer must not empty a whole cluster that is short of memory.
	RefuseCallsAbove float64 `yaml:"refuse_calls_above" default:"0.95" above:"0" max:"1" zero:"off"`
	// RefuseConnectionsAbove is the pressure above which newcomers are refused too, /readyz is 503, and, if it is memory
	// that is short, those are closed who hold most unread answers or unfinished messages for longest.
	RefuseConnectionsAbove float64 `yaml:"refuse_connections_above" default:"0.98" above:"0" max:"1" zero:"off"`
	// Margin is how far below where it began a level ends.
	Margin float64 `yaml:"margin" default:"0.05" min:"0" max:"0.5"`
	// MaxSchedulingLatency is how long a goroutine that could run may wait for a processor (the 99th percentile of a
	// quarter of a second) to count as a pressure of 1. It never leads beyond CloseAbove.
	MaxSchedulingLatency time.Duration `yaml:"max_scheduling_latency" default:"100ms" min:"1ms" max:"1m" zero:"off"`
	// MaxQueueAge is the same for how long messages wait for a worker of class compute.
	MaxQueueAge time.Duration `yaml:"max_queue_age" default:"2s" min:"1ms" max:"1h" zero:"off"`
}

// DefaultOptions returns the defaults.
func DefaultOptions() Options {
	var o Options
	option.SetDefaults(&o)
	return o
}

// Validate returns everything that is wrong with o, each error an *option.Mistake about its yaml key.
func (o *Options) Validate() []error {
	found := option.Check(o)
	before, of := 0.0, ""
	for _, step := range []struct {
		key   string
		above float64
	}{
		{"shorten_idle_above", o.ShortenIdleAbove}, {"close_above", o.CloseAbove},
		{"refuse_calls_above", o.RefuseCallsAbove}, {"refuse_connections_above", o.RefuseConnectionsAbove},
	} {
		if step.above == 0 {
			continue
		}
		if step.above < before && !found.Has(step.key) {
			found.Add(step.key, "%v is below %s: allowed is %v to 1", step.above, of, before)
		}
		before, of = step.above, step.key
	}
	return found.Errors()
}
