package nodes

import (
	"fmt"
	"os"
	"strings"

	"weir/codec/option"
	"weir/reactor/cluster"
	"weir/reactor/cluster/forward"
	"weir/reactor/cluster/nats"
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
}

// CheckMode adds to found what is wrong with a mode.
func CheckMode(mode string, found *option.Mistakes) {
	if mode == Frontend || mode == Worker {
		found.Add("mode", "%s is a mode of the queue between nodes, which this build does not have: allowed are single and "+
			"cluster", mode)
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
	texts, err := nats.Secrets(o.Links.SecretFile)
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
