package forward

import "weir/codec/option"

// Options are the bounds of what is forwarded.
type Options struct {
	// MaxForwarded is how many requests and streams of this node's clients other nodes may serve at once, and how many
	// this node may serve for others. The next is refused with reason forward_limit (503). Each holds about 2 KB at both
	// nodes beside its bytes; at its owner it counts as a connection, too.
	MaxForwarded int `yaml:"max_forwarded" default:"65536" min:"1" max:"10000000" unit:"requests"`
	// ForwardWindowBytes is how much of one response may be on its way between two nodes. A client that does not read
	// makes its owner wait with so much at the node between, beside what max_outbox_bytes lets wait in each.
	ForwardWindowBytes int `yaml:"forward_window_bytes" default:"64 KiB" min:"4 KiB" max:"128 KiB" unit:"bytes"`
}

// DefaultOptions returns the bounds of a server whose configuration names none.
func DefaultOptions() Options {
	var o Options
	option.SetDefaults(&o)
	return o
}

// Validate returns every option that cannot be used, each error an *option.Mistake about its yaml key.
func (o *Options) Validate() []error { return option.Check(o).Errors() }
