package alert

import (
	"time"

	"weir/codec/option"
)

// Options are the windows and thresholds of all rules. A threshold of 0 is a rule that never fires. They may be
// replaced while the server runs (Evaluator.Replace).
type Options struct {
	// Window is the time over which error rates and the p95 are computed. An error rate that jumps far above its
	// threshold fires long before a window has passed; one that is just above it fires after a window. So a rate clears a
	// window and ClearAfter after its last errors.
	Window time.Duration `yaml:"window" default:"1m" min:"1s" max:"1h"`
	// MinCalls is the least number of calls in the window for a rate to mean something: with fewer, no alert of a rate
	// fires, and one that fires goes on until the rate is low. For the p95 it is a sixteenth, which is how many calls are
	// timed. A server with fewer calls needs a longer window.
	MinCalls int `yaml:"min_calls" default:"500" min:"1" max:"1073741824" unit:"calls"`
	// ClearAfter is how long what fired must have been below its threshold before it clears: an error rate four fifths of
	// it, the p95 nine tenths, memory and connections a twentieth below it.
	ClearAfter time.Duration `yaml:"clear_after" default:"10s" min:"0s" max:"1h"`

	// ErrorRate is the part of all calls that may end in an error, above which WeirErrorRate (warning) fires. Errors are
	// what the server failed in: handlers that panic, do not return in time, or end in a JSON-RPC error that is not the
	// client's fault. A refusal is none, nor a result with isError, which is a tool's answer to its model.
	ErrorRate float64 `yaml:"error_rate" default:"0.0005" min:"0" max:"1" zero:"off"`
	// HighErrorRate is the same for WeirErrorRateHigh (critical).
	HighErrorRate float64 `yaml:"high_error_rate" default:"0.005" min:"0" max:"1" zero:"off"`
	// StopErrorRate is the error rate above which the emergency stop begins (WeirEmergencyStop, critical): calls of tools
	// that wait for something, the lowest class, are refused with emergency_stop, but for one in 16, which shows when
	// the errors end.
	StopErrorRate float64 `yaml:"stop_error_rate" default:"0.01" min:"0" max:"1" zero:"off"`
	// ResumeErrorRate is the error rate below which, for ClearAfter, the emergency stop ends.
	ResumeErrorRate float64 `yaml:"resume_error_rate" default:"0.005" above:"0" max:"1"`
	// P95 is the time within which 95 % of the calls of tools that only compute are to be done, from admission to the end
	// of the handler; above it WeirSlow (warning) fires. Those that wait for something else are not counted.
	P95 time.Duration `yaml:"p95" default:"150ms" min:"0s" max:"1h" zero:"off"`
	// MemoryBytes is how much resident memory the process may have; above it for MemoryFor WeirMemory (critical) fires. In
	// a container of less than 512 MiB the default is as much smaller.
	MemoryBytes int64 `yaml:"memory_bytes" default:"350 MiB" min:"1 B" max:"1 TiB" zero:"off" unit:"bytes"`
	// MemoryFor is how long it may be above that: a collection takes a moment.
	MemoryFor time.Duration `yaml:"memory_for" default:"10s" min:"0s" max:"1h"`
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
	if o.StopErrorRate > 0 && o.ResumeErrorRate > o.StopErrorRate && !found.Has("resume_error_rate") {
		found.Add("resume_error_rate", "%v is above stop_error_rate: allowed is at most %v", o.ResumeErrorRate,
			o.StopErrorRate)
	}
	return found.Errors()
}

// steps are how many readings a window is made of.
const steps = 60

// Interval is how often the Evaluator wants a Reading: a sixtieth of the window, but not more than a second.
func (o *Options) Interval() time.Duration {
	return min(max(o.Window/steps, 50*time.Millisecond), time.Second)
}
