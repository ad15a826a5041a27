package websocket

import "weir/codec/option"

// Limits bounds one WebSocket message and its fragments. The zero value is not usable: start from DefaultLimits. It is
// read-only once decoders use it, and then safe for any number of goroutines.
type Limits struct {
	// MaxMessageBytes is the longest message, counted over all its fragments and checked against the announced frame
	// length before anything is kept. Beyond it: close 1009.
	MaxMessageBytes int `yaml:"max_message_bytes" default:"1 MiB" min:"1 KiB" max:"64 MiB" unit:"bytes"`
	// MaxFragments is how many frames one message may be cut into: a peer that sends empty fragments for ever would
	// otherwise cost time and never reach the byte limit. Beyond it: close 1009.
	MaxFragments int `yaml:"max_fragments" default:"64" min:"1" max:"10000" unit:"frames"`
}

// DefaultLimits returns the limits a server has when its configuration names none.
func DefaultLimits() Limits {
	var l Limits
	option.SetDefaults(&l)
	return l
}

// Validate returns every limit that is out of its range, each error an *option.Mistake about its yaml key (relative to
// this struct). No error means that the limits may be used.
func (l *Limits) Validate() []error {
	return option.Check(l).Errors()
}
