package cluster

import (
	"encoding/json"
	"errors"
)

// Version is the protocol that this build speaks with other nodes, and oldestVersion the oldest that it still
// understands. Two nodes work together if what they speak overlaps, so that a cluster is upgraded node by node.
const (
	Version       = 1
	oldestVersion = 1
)

// maxBeatBytes bounds a heartbeat: one is about 300 bytes.
const maxBeatBytes = 4 << 10

// A Beat is what a node says of itself twice a second. It travels as JSON: fields that a build does not know pass.
type Beat struct {
	Version     int    `json:"version"`           // the protocol that it speaks
	Oldest      int    `json:"oldest"`            // the oldest that it understands
	Incarnation uint64 `json:"incarnation"`       // when the process began, in Unix nanoseconds: tells two of a name apart
	Since       uint64 `json:"since"`             // from when it has its name without a break, in Unix nanoseconds
	Build       string `json:"build"`             // its version and commit, for people
	Mode        string `json:"mode"`              // cluster, frontend or worker
	Joining     bool   `json:"joining,omitempty"` // it asks whether its name is free, and is no member yet
	Leaving     bool   `json:"leaving,omitempty"` // its last one
	Refused     string `json:"refused,omitempty"` // why it is no member though it is there, in the word of /cluster
	Load
}

// Load is how much a node has to do, and whether it wants more.
type Load struct {
	Draining       bool   `json:"draining,omitempty"`
	Connections    int    `json:"connections"`
	MaxConnections int    `json:"max_connections"`
	Waiting        int    `json:"waiting_messages"`
	Executing      int    `json:"executing"`
	Revision       uint64 `json:"offered_revision"` // of what is offered; 0 until that is shared
}

var errBeat = errors.New("cluster: not a heartbeat")

func (b *Beat) encode() []byte {
	text, err := json.Marshal(b)
	if err != nil {
		panic(err) // a struct of numbers and text
	}
	return text
}

func decodeBeat(data []byte) (Beat, error) {
	var b Beat
	if len(data) > maxBeatBytes || json.Unmarshal(data, &b) != nil || b.Version < 1 || b.Oldest < 1 {
		return b, errBeat
	}
	return b, nil
}

// speaks tells whether a node with this beat and this build understand each other.
func (b *Beat) speaks() bool { return b.Version >= oldestVersion && b.Oldest <= Version }
