package nodes

import (
	"fmt"
	"os"
	"strings"

	"weir/codec/option"
	"weir/reactor"
	"weir/reactor/cluster"
	"weir/reactor/cluster/forward"
	"weir/reactor/cluster/nats"
	"weir/reactor/cluster/queue"
	"weir/registry/nodeid"
)

// The modes of a process.
const (
	Single   = "single"
	Cluster  = "cluster"
	Frontend = "frontend"
	Worker   = "worker"
)

// Options are the section cluster.
type Options struct {
	Membership cluster.Options `yaml:",inline"`
	Links      nats.Options    `yaml:",inline"`
	Forward    forward.Options `yaml:",inline"`
	// Queue is between front ends and workers.
	Queue queue.Options `yaml:"queue"`
}

// CheckMode adds to found what is wrong with a mode. stateKey is mcp.state_key.
func (o *Options) CheckMode(mode, stateKey string, found *option.Mistakes) {
	if mode == Cluster {
		if _, err := o.Links.Secrets(); err != nil {
			found.Add("cluster.secret_file", "%v", err)
		}
	}
	if !isQueued(mode) {
		return
	}
	if _, err := readUser(o.Queue.SecretFile); err != nil {
		found.Add("cluster.queue.secret_file", "%v", err)
	}
	if o.Queue.Engine == "" {
		found.Add("cluster.queue.engine", "mode %s needs a broker: allowed is one like nats://10.0.0.5:4222, "+
			"redis://10.0.0.5:6379 or amqp://10.0.0.5:5672", mode)
	}
	if stateKey == "" {
		found.Add("mcp.state_key", "a question that one worker asks is answered at another, which has to know the key: "+
			"allowed is one for all front ends and workers (openssl rand -hex 32)")
	}
}

// isQueued says whether calls of this mode go through a queue.
func isQueued(mode string) bool { return mode == Frontend || mode == Worker }

// CloseListeners has a worker, whose calls come through a queue, listen where it was told to and nowhere else.
func CloseListeners(mode string, o *reactor.Options, places option.Places) {
	for key, address := range map[string]*string{"http": &o.HTTP, "tcp": &o.TCP} {
		if _, said := places[key]; mode == Worker && !said {
			*address = ""
		}
	}
}

// nameOf is the node's name: as it is written, or the host's.
func (o *Options) nameOf() (string, error) {
	if o.Membership.Node != "" {
		return o.Membership.Node, nil
	}
	host, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("cluster.node: this host has no name, write one: %w", err)
	}
	name, _, _ := strings.Cut(host, ".")
	if !cluster.IsName(name) {
		return "", fmt.Errorf("cluster.node: the host's name, %s, is no name of a node: write one of letters, digits, - "+
			"and _", option.Quote(name))
	}
	return name, nil
}

// ids makes the ids of the node, with the secrets that all nodes have.
func (o *Options) ids() (*nodeid.Maker, error) {
	texts, err := o.Links.Secrets()
	if err != nil {
		return nil, fmt.Errorf("cluster.secret_file: %w", err)
	}
	var secrets [][]byte
	for _, text := range texts {
		secrets = append(secrets, []byte(text))
	}
	ids, err := nodeid.New(o.Membership.Node, secrets...)
	if err != nil {
		return nil, fmt.Errorf("cluster.secret_file: %w", err)
	}
	return ids, nil
}
