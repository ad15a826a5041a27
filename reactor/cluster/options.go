package cluster

import (
	"time"

	"weir/codec/option"
)

// Options are this node's name, and how others are judged.
type Options struct {
	// Node is this node's name, which no other node has, and which ids of sessions and tasks begin with. It has letters,
	// digits, - and _ only, and should stay when the process is started again.
	Node string `yaml:"node" max:"64" zero:"the host's name, up to its first dot"`
	// HeartbeatInterval is how often a node says that it lives, and how much it has to do. All nodes should have the same.
	HeartbeatInterval time.Duration `yaml:"heartbeat_interval" default:"500ms" min:"10ms" max:"1m"`
	// SuspectAfter is after which silence a node gets nothing new: what belongs to it is refused and told to come again.
	SuspectAfter time.Duration `yaml:"suspect_after" default:"2s" min:"20ms" max:"5m"`
	// DeadAfter is after which silence a node is lost: what belonged to it is gone.
	DeadAfter time.Duration `yaml:"dead_after" default:"5s" min:"30ms" max:"10m"`
	// ForgetAfter is how long a node that is lost or has left is still shown, and its loss counted by the alert
	// WeirNodeLost.
	ForgetAfter time.Duration `yaml:"forget_after" default:"1h" min:"1s" max:"720h"`
}

// Validate returns everything that is wrong with o, each error an *option.Mistake about its yaml key.
func (o *Options) Validate() []error {
	found := option.Check(o)
	if o.Node != "" && !IsName(o.Node) {
		found.Add("node", "%s is no name of a node: allowed are letters, digits, - and _", option.Quote(o.Node))
	}
	if o.SuspectAfter < 2*o.HeartbeatInterval && !found.Has("suspect_after") {
		found.Add("suspect_after", "%s is below two heartbeats, and one that is late would be suspicious: allowed is %s or "+
			"more", option.FormatTime(o.SuspectAfter), option.FormatTime(2*o.HeartbeatInterval))
	}
	if o.DeadAfter <= o.SuspectAfter && !found.Has("dead_after") {
		found.Add("dead_after", "%s is not above suspect_after, %s: allowed is more", option.FormatTime(o.DeadAfter),
			option.FormatTime(o.SuspectAfter))
	}
	return found.Errors()
}

// IsName tells whether a name can be a node's: 1 to 64 letters, digits, - and _ of ASCII. So it is one token of a
// NATS subject, and needs no escaping in ids, headers and files of balancers.
func IsName(name string) bool {
	if name == "" || len(name) > 64 {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}
