package codec

import "weir/codec/option"

// Limits holds every bound that this package enforces; its subpackages have their own. The zero value is not usable:
// start from DefaultLimits. It is read-only once decoders use it, and then safe for any number of goroutines.
type Limits struct {
	// JSON bounds one JSON-RPC message on every transport.
	JSON JSONLimits `yaml:"json"`
	// Line bounds newline-delimited framing (raw TCP, stdio).
	Line LineLimits `yaml:"line"`
}

// JSONLimits bounds one JSON-RPC message after its framing was cut away.
type JSONLimits struct {
	// MaxDepth is how many arrays and objects may be open at once, the message itself included. The scanner recurses
	// once per level (about 400 bytes of stack), so 64 levels cost 25 KiB at worst, and 100,000 '[' are refused after
	// 65 bytes were read. Beyond it: -32700, the message is refused whole.
	MaxDepth int `yaml:"max_depth" default:"64" min:"4" max:"1000" unit:"levels"`
	// MaxMembers is how many object members one message may hold, all its objects together. Array elements are not
	// counted: they cost no more than their bytes, while a member costs a slot in a key table (16 bytes at most half
	// full: 10,000 members need 512 KiB while the scan lasts). Beyond it: -32700.
	MaxMembers int `yaml:"max_members" default:"10000" min:"16" max:"1000000" unit:"members"`
	// MaxIDBytes is the longest id of a request, the digits of a number or what stands between the quotes of a string, as
	// it was sent. The id is kept while the call runs and echoed in the answer, so it is what a peer may make us hold per
	// call. Beyond it: -32600, answered with a null id. A progressToken has the same bound (-32602), and a longer
	// requestId in notifications/cancelled names no request.
	MaxIDBytes int `yaml:"max_id_bytes" default:"128 B" min:"16 B" max:"1 KiB" unit:"bytes"`
}

// LineLimits bounds newline-delimited JSON.
type LineLimits struct {
	// MaxMessageBytes is the longest line, its end not counted. It is checked while reading: a peer that never sends a
	// newline is cut off one byte later, not when memory is gone. Beyond it: ErrMessageTooLarge, and as the place of
	// the next message is unknown then, the connection ends; on standard input the line is skipped, and refused under
	// its id.
	MaxMessageBytes int `yaml:"max_message_bytes" default:"1 MiB" min:"1 KiB" max:"64 MiB" unit:"bytes"`
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
