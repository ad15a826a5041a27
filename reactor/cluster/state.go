package cluster

import "time"

// State is what is known of a node. The words are those of /cluster and of the metrics.
type State uint8

// The states. Only an alive or suspected node is a member.
const (
	Unknown   State = iota // nothing was ever heard of it, or that was too long ago
	Alive                  // it is heard; it may drain
	Suspected              // not heard for suspect_after: nothing new for it, what is under way may still be answered
	Dead                   // not heard for dead_after: what it had is lost
	Left                   // it has said that it stops, and what it had is gone with it
	Refused                // it is there and is no member: see why
)

var stateNames = [...]string{"unknown", "alive", "suspected", "dead", "left", "refused"}

func (s State) String() string { return stateNames[s] }

// MarshalText implements encoding.TextMarshaler.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Why a node is refused: the words of /cluster, the log, weir_cluster_refused_nodes_total and docs/OPERATING.md.
const (
	DuplicateName   = "duplicate_name"
	ProtocolVersion = "protocol_version"
	WrongSecret     = "wrong_secret" // found by engines, which never let it in
)

// A Member is what is known of another node.
type Member struct {
	Name  string    `json:"name"`
	State State     `json:"state"`
	Why   string    `json:"why,omitempty"` // it is refused
	Since time.Time `json:"state_since"`
	Heard time.Time `json:"heard"`
	Beat
	RoundTrip time.Duration `json:"round_trip_ns"` // of the last ping; 0 before the first
}

// A Change is a node's new state. A node that was started anew under its name is Dead first and then Alive, so that
// whoever waits for the former one hears of its end.
type Change struct {
	Node     string
	From, To State
	Why      string // it is refused
	Draining bool   // it drains; a change of this alone has From equal to To
}
