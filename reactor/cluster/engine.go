package cluster

import (
	"context"
	"errors"
	"time"
)

// Kind says what a message is about, and so whose it is: the handler that was registered for it gets it. Kinds are on
// the wire, so a number keeps its meaning. Each part of the server has sixteen.
type Kind uint8

// The first kinds of each part, and the number of all.
const (
	FirstMembership Kind = 0  // heartbeats and pings; kinds.go
	FirstForward    Kind = 16 // requests of one node's clients that another node serves
	FirstQueue      Kind = 32 // work between front ends and workers
	FirstFeatures   Kind = 48 // changes of what is offered
	Kinds           Kind = 64
)

// What Send and Publish refuse. Nothing was sent then.
var (
	// ErrNoNode: no node of that name is there, or it is dead. To send to oneself is this error too.
	ErrNoNode = errors.New("cluster: no such node")
	// ErrFull: as much waits to leave as may. It is gone in milliseconds, or the engine has lost its connection.
	ErrFull = errors.New("cluster: too much waits to be sent")
	// ErrTooLarge: the data is larger than any message may be.
	ErrTooLarge = errors.New("cluster: message too large")
	// ErrClosed: the engine is closed, or it has never been open.
	ErrClosed = errors.New("cluster: closed")
	// ErrRefused: this node is no member, because another one has its name.
	ErrRefused = errors.New("cluster: this node is refused")
)

// An Engine carries messages between nodes. Its methods may be called by several goroutines at once, and none but
// Close blocks.
//
// What one node sends to another arrives in order and at most once. There is no promise that it arrives: who wants an
// answer sets itself a deadline. Publish has an order of its own, apart from Send's.
type Engine interface {
	// Send hands data to the node named to. It has copied data when it returns. The id is the sender's: the
	// receiver gets it beside the data, and if nobody was there, the sender's Handler gets it back by Nobody,
	// typically within a millisecond. An engine that knows at once says ErrNoNode instead; it is never both.
	Send(to string, kind Kind, id uint64, data []byte) error

	// Publish hands data to all other nodes, however many there are. It has copied data when it returns.
	Publish(kind Kind, id uint64, data []byte) error

	// Health tells what an operator asks about the engine.
	Health() Health

	// Close sends what waits to leave until ctx ends, then stops. When it returns no method of the Handler runs,
	// and none will.
	Close(ctx context.Context) error
}

// A Handler takes what an Engine brings. Its methods are called on goroutines of the engine and hold up everything
// behind them, so they never block. What one node sent by Send comes in calls one after the other; calls for different
// senders, and those for what was published, may run at the same time.
type Handler interface {
	// Receive takes a message of the node named from. The data is the engine's again when Receive returns.
	Receive(from string, kind Kind, id uint64, data []byte)

	// Nobody tells that the message of that kind and id, which this node sent to the node named to, reached
	// nobody. It was not executed.
	Nobody(to string, kind Kind, id uint64)
}

// Open joins a node of this name to the others. Receive may be called before Open returns. It does not wait for other
// nodes: an engine that finds none yet goes on looking.
type Open func(name string, handler Handler) (Engine, error)

// Health is how an engine is.
type Health struct {
	Engine    string   `json:"engine"`               // which one: "nats", or "loopback" in tests
	Address   string   `json:"address,omitempty"`    // where it listens for other nodes, if it does
	Connected bool     `json:"connected"`            // whether what is sent leaves this process
	Links     []string `json:"links,omitempty"`      // the addresses of those it is connected to
	Waiting   int64    `json:"waiting_bytes"`        // what waits to leave
	LastError string   `json:"last_error,omitempty"` // the last thing that went wrong, with its time
	// Refused are links that were not let in, or that the other side did not let in, the latest last.
	Refused []RefusedLink `json:"refused_links,omitempty"`
}

// A RefusedLink is an address with which there is no link.
type RefusedLink struct {
	Address string    `json:"address"`
	Why     string    `json:"why"` // WrongSecret
	At      time.Time `json:"at"`  // the last time
	Times   int       `json:"times"`
}
