package nodes

import (
	"context"
	"errors"

	"github.com/VictoriaMetrics/metrics"
	"github.com/rs/zerolog"

	"weir/reactor/cluster"
	"weir/reactor/cluster/nats"
	"weir/registry/nodeid"
)

// ErrUpgrade is why a node is not upgraded in place.
var ErrUpgrade = errors.New("a node of a cluster has a name that two processes cannot have: upgrade it by a restart " +
	"(SIGTERM, then start the new build), one node after the other; docs/CLUSTER.md")

// Nodes is this process among the others; Node is nil in a front end and a worker, which meet at a broker. The methods
// of a nil one say that there are none.
type Nodes struct {
	Node *cluster.Node
	ids  *nodeid.Maker
	mode string
	open cluster.Open
	log  zerolog.Logger
}

// New makes the node of a process of this mode; nil for single. It is not joined yet, and load is not called until it
// is. Nothing but the metrics and the memory of a Node exists before Start.
func New(mode string, o Options, build string, load func() cluster.Load, set *metrics.Set,
	log zerolog.Logger) (*Nodes, error) {
	switch {
	case mode == Single:
		return nil, nil
	case isQueued(mode): // who meets at the broker
		return &Nodes{mode: mode}, nil
	}
	name, err := o.nameOf()
	if err != nil {
		return nil, err
	}
	o.Membership.Node = name
	ids, err := o.ids()
	if err != nil {
		return nil, err
	}
	log = log.With().Str("part", "cluster").Logger()
	return &Nodes{
		Node: cluster.New(o.Membership, cluster.Identity{Build: build, Mode: mode}, load, set, log),
		ids:  ids, mode: mode, open: nats.Opener(o.Links, set, log), log: log,
	}, nil
}

// IDs makes the ids that clients of this process come back with, to whichever node; nil: this process is alone.
func (n *Nodes) IDs() *nodeid.Maker {
	if n == nil {
		return nil
	}
	return n.ids
}

// isNode says whether there are others that this process knows.
func (n *Nodes) isNode() bool { return n != nil && n.Node != nil }

// Start joins the others. It does not wait for them.
func (n *Nodes) Start() error {
	if !n.isNode() {
		return nil
	}
	if err := n.Node.Start(n.open); err != nil {
		return err
	}
	n.log.Info().Str("node", n.Node.Name()).Str("mode", n.mode).Str("address", n.Node.Status().Engine.Address).
		Msg("this node looks for the others")
	return nil
}

// Drain says to the others that nothing new should come.
func (n *Nodes) Drain() {
	if n.isNode() {
		n.Node.Drain()
	}
}

// Close leaves the others, when nothing is under way any more.
func (n *Nodes) Close(ctx context.Context) {
	if !n.isNode() {
		return
	}
	if err := n.Node.Close(ctx); err != nil {
		n.log.Warn().Err(err).Msg("the cluster was not left in order")
	}
}

// Abandon ends what a start that failed has begun.
func (n *Nodes) Abandon() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	n.Close(ctx)
}

// Status is the page /cluster.
type Status struct {
	Mode string `json:"mode"`
	*cluster.Status
}

// Status is what the page /cluster shows.
func (n *Nodes) Status() Status {
	if n == nil {
		return Status{Mode: Single}
	}
	if n.Node == nil {
		return Status{Mode: n.mode}
	}
	return Status{Mode: n.mode, Status: n.Node.Status()}
}

// Lost is how many nodes were not heard for dead_after and are not forgotten.
func (n *Nodes) Lost() (lost int) {
	if !n.isNode() {
		return 0
	}
	for _, member := range n.Node.Members() {
		if member.State == cluster.Dead {
			lost++
		}
	}
	return lost
}
