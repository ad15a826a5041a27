package reactor

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"weir/backpressure"
	"weir/reactor/cluster"
	"weir/reactor/cluster/loopback"
	"weir/registry"
	"weir/registry/nodeid"
)

// nodes are the servers of a cluster, or the one that is alone.
func (s *server) nodes() []*server {
	if s.cluster == nil {
		return []*server{s}
	}
	return s.cluster
}

// joined are servers that are nodes of one cluster, n0, n1 and so on, in this process.
type joined struct {
	*loopback.Network
	servers []*server
	nodes   []*cluster.Node
	engines []*mutable
	other   cluster.Open // an engine that is no loopback; nil: it is
}

// mutable is an engine that sends nothing while its node is frozen.
type mutable struct {
	cluster.Engine
	mute atomic.Bool
}

func (m *mutable) Send(to string, kind cluster.Kind, id uint64, data []byte) error {
	if m.mute.Load() {
		return nil
	}
	return m.Engine.Send(to, kind, id, data)
}

func (m *mutable) Publish(kind cluster.Kind, id uint64, data []byte) error {
	if m.mute.Load() {
		return nil
	}
	return m.Engine.Publish(kind, id, data)
}

// open joins a node whose engine the test can mute.
func (j *joined) open(name string, h cluster.Handler) (cluster.Engine, error) {
	open := j.Network.Open
	if j.other != nil {
		open = j.other
	}
	e, err := open(name, h)
	m := &mutable{Engine: e}
	j.engines = append(j.engines, m)
	return m, err
}

// freeze stops what a node says and hears.
func (j *joined) freeze(i int) {
	j.engines[i].mute.Store(true)
	j.Network.Freeze(fmt.Sprintf("n%d", i))
}

// kill is the end of a node's process, as far as others see it.
func (j *joined) kill(i int) {
	j.engines[i].mute.Store(true)
	j.Network.Kill(fmt.Sprintf("n%d", i))
}

// startCluster starts so many nodes, which have the tools of all features.
func startCluster(t testing.TB, n int, tunes ...tune) *joined {
	t.Helper()
	return startClusterOf(t, n, func(*Config) {}, tunes...)
}

// startClusterOf is startCluster with a change to what New is given.
func startClusterOf(t testing.TB, n int, change func(*Config), tunes ...tune) *joined {
	t.Helper()
	return (&joined{Network: loopback.New()}).start(t, n, change, tunes...)
}

// start starts so many nodes.
func (j *joined) start(t testing.TB, n int, change func(*Config), tunes ...tune) *joined {
	t.Helper()
	for i := range n {
		name := fmt.Sprintf("n%d", i)
		ids, err := nodeid.New(name, bytes.Repeat([]byte("s"), 32))
		must(t, err)
		var node *cluster.Node
		s := startConfig(t, func(c *Config) {
			o := cluster.Options{Node: name, HeartbeatInterval: 20 * time.Millisecond, SuspectAfter: 200 * time.Millisecond,
				DeadAfter: 500 * time.Millisecond, ForgetAfter: time.Minute}
			node = cluster.New(o, cluster.Identity{Build: "test", Mode: "cluster"},
				func() cluster.Load { return cluster.Load{} }, c.Metrics, *silent)
			c.Node = node
			change(c)
		}, append([]tune{func(_ *Options, _ *backpressure.Options, r *registry.Options) { r.IDs = ids }}, tunes...)...)
		must(t, node.Start(j.open))
		t.Cleanup(func() {
			over, cancel := context.WithCancel(context.Background())
			cancel()
			_ = node.Close(over)
		})
		j.servers, j.nodes = append(j.servers, s), append(j.nodes, node)
	}
	for i, s := range j.servers {
		s.cluster, s.stuck, s.release = j.servers, j.servers[0].stuck, j.servers[0].release
		s.eventually("all nodes are alive", func() bool {
			for k := range j.nodes {
				if k != i && !j.nodes[i].Alive(fmt.Sprintf("n%d", k)) {
					return false
				}
			}
			return true
		})
	}
	return j
}

// told waits until every node knows what the others have changed.
func (j *joined) told() {
	number := func(s *server, series string) int {
		n, err := strconv.Atoi(s.metric(series))
		must(s.t, err)
		return n
	}
	j.servers[0].eventually("all is told", func() bool {
		waiting, published, received := 0, 0, 0
		for _, s := range j.servers {
			waiting += number(s, "weir_cluster_updates_waiting")
			published += number(s, "weir_cluster_updates_published_total")
			received += number(s, "weir_cluster_updates_received_total")
		}
		return waiting == 0 && received == published*(len(j.servers)-1)
	})
}

// TestFeaturesOfACluster plays the script of TestFeatures against three nodes, each request of a client to the next.
func TestFeaturesOfACluster(t *testing.T) {
	script, err := os.ReadFile("testdata/features.txt")
	must(t, err)
	for engine, joined := range map[string]*joined{"loopback": {Network: loopback.New()}, "nats": overNATS()} {
		j := joined.start(t, 3, func(*Config) {}, withSSE)
		for _, s := range j.servers {
			s.addTell()
			s.addAsk()
			s.addOffers()
		}
		j.told()
		for _, transport := range []string{"http", "sse"} {
			t.Run(engine+"/"+transport, func(t *testing.T) {
				got := strings.Split(j.servers[0].perform(t, transport, string(script)), "\n")
				want := strings.Split(string(script), "\n")
				for i := range min(len(got), len(want)) {
					if got[i] != want[i] {
						t.Fatalf("line %d:\n got %s\nwant %s", i+1, got[i], want[i])
					}
				}
			})
		}
	}
}
