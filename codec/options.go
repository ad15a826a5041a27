package codec

import "fmt"

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
	// 65 bytes were read. Beyond it: -32700, the message is refused whole. 4 to 1000.
	MaxDepth int `yaml:"max_depth"`
	// MaxMembers is how many object members one message may hold, all its objects together. Array elements are not
	// counted: they cost no more than their bytes, while a member costs a slot in a key table (16 bytes at most half
	// full: 10,000 members need 512 KiB while the scan lasts). Beyond it: -32700. 16 to 1000000.
	MaxMembers int `yaml:"max_members"`
	// MaxIDBytes is the longest string id of a request, counted between its quotes as it was sent. The id is kept
	// while the call runs and echoed in the answer, so it is what a peer may make us hold per call. Beyond it: -32600,
	// answered with a null id. 16 to 1024.
	MaxIDBytes int `yaml:"max_id_bytes"`
}

// LineLimits bounds newline-delimited JSON.
type LineLimits struct {
	// MaxMessageBytes is the longest line, its end not counted. It is checked while reading: a peer that never sends
	// a newline is cut off one byte later, not when memory is gone. Beyond it: ErrMessageTooLarge, and as the place
	// of the next message is unknown then, the connection ends. 1024 to 4194304.
	MaxMessageBytes int `yaml:"max_message_bytes"`
}

// DefaultLimits returns the limits a server has when its configuration names none.
func DefaultLimits() Limits {
	return Limits{
		JSON: JSONLimits{MaxDepth: 64, MaxMembers: 10_000, MaxIDBytes: 128},
		Line: LineLimits{MaxMessageBytes: 1 << 20},
	}
}

// Validate returns every limit that is out of its range, each error naming the yaml key (relative to this struct), the
// value and what is allowed. No error means that the limits may be used.
func (l *Limits) Validate() []error {
	var errs []error
	check := func(key string, value, low, high int) {
		if value < low || value > high {
			errs = append(errs, fmt.Errorf("%s: %d is out of range, allowed is %d to %d", key, value, low, high))
		}
	}
	check("json.max_depth", l.JSON.MaxDepth, 4, 1000)
	check("json.max_members", l.JSON.MaxMembers, 16, 1_000_000)
	check("json.max_id_bytes", l.JSON.MaxIDBytes, 16, 1024)
	check("line.max_message_bytes", l.Line.MaxMessageBytes, 1024, 4<<20)
	return errs
}
