package websocket

import "fmt"

// Limits bounds one WebSocket message and its fragments. The zero value is not usable: start from DefaultLimits. It is
// read-only once decoders use it, and then safe for any number of goroutines.
type Limits struct {
	// MaxMessageBytes is the longest message, counted over all its fragments and checked against the announced frame
	// length before anything is kept. Beyond it: close 1009. 1024 to 4194304.
	MaxMessageBytes int `yaml:"max_message_bytes"`
	// MaxFragments is how many frames one message may be cut into: a peer that sends empty fragments for ever would
	// otherwise cost time and never reach the byte limit. Beyond it: close 1009. 1 to 10000.
	MaxFragments int `yaml:"max_fragments"`
}

// DefaultLimits returns the limits a server has when its configuration names none.
func DefaultLimits() Limits { return Limits{MaxMessageBytes: 1 << 20, MaxFragments: 64} }

// Validate returns every limit that is out of its range, each error naming the yaml key (relative to this struct), the
// value and what is allowed. No error means that the limits may be used.
func (l *Limits) Validate() []error {
	var errs []error
	check := func(key string, value, low, high int) {
		if value < low || value > high {
			errs = append(errs, fmt.Errorf("%s: %d is out of range, allowed is %d to %d", key, value, low, high))
		}
	}
	check("max_message_bytes", l.MaxMessageBytes, 1024, 4<<20)
	check("max_fragments", l.MaxFragments, 1, 10_000)
	return errs
}
