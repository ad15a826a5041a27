package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/rs/zerolog"

	"weir/codec/option"
	"weir/reactor/cluster"
	"weir/reactor/cluster/loopback"
)

// recorder takes messages and keeps what it heard, in words.
type recorder struct {
	mu    sync.Mutex
	lines []string
}

func (r *recorder) add(format string, values ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, fmt.Sprintf(format, values...))
}

func (r *recorder) Receive(from string, kind cluster.Kind, id uint64, data []byte) {
	r.add("%s %d %d %s", from, kind, id, data)
}

func (r *recorder) Nobody(to string, kind cluster.Kind, id uint64) {
	r.add("nobody %s %d %d", to, kind, id)
}

func (r *recorder) take() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := strings.Join(r.lines, "; ")
	r.lines = nil
	return all
}

const kind = cluster.FirstForward

// member is a node of a test, with what it was told.
type member struct {
	*cluster.Node
	messages, changes recorder
	set               *metrics.Set
}

func join(t *testing.T, network *loopback.Network, name string) *member {
	o := cluster.Options{Node: name}
	option.SetDefaults(&o)
	m := &member{set: metrics.NewSet()}
	m.Node = cluster.New(o, cluster.Identity{Build: "test", Mode: "cluster"},
		func() cluster.Load { return cluster.Load{Connections: 3} }, m.set, zerolog.Nop())
	m.Handle(&m.messages, kind)
	m.Watch(func(c cluster.Change) { m.changes.add("%s %s>%s", c.Node, c.From, c.To) })
	if err := m.Start(network.Open); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := loopback.New()
		a, b := join(t, network, "a"), join(t, network, "b")
		defer a.Close(t.Context())
		defer b.Close(t.Context())
		wait(300 * time.Millisecond)
		if !a.Alive("b") || !b.Alive("a") || !a.Takes("b") || a.Alive("c") || a.Alive("a") {
			t.Fatalf("a knows %+v", a.Members())
		}
		b.Drain()
		wait(0)
		if !a.Alive("b") || a.Takes("b") {
			t.Error("a drain is not told at once")
		}
		for i := range uint64(3) {
			if err := a.Send("b", kind, i, []byte("x")); err != nil {
				t.Error(err)
			}
		}
		a.Publish(kind, 9, []byte("all"))
		a.Send("nobody", kind, 4, nil)
		wait(time.Second)
		if got := b.messages.take(); got != "a 16 0 x; a 16 1 x; a 16 2 x; a 16 9 all" {
			t.Error(got)
		}
		if got := a.messages.take(); got != "nobody nobody 16 4" {
			t.Error(got)
		}
		if status := a.Status(); len(status.Nodes) != 2 || status.State != "alive" || status.Nodes[1].Connections != 3 {
			t.Errorf("%+v", status)
		}
	})
}

// wait lets time pass and everything that is due happen.
func wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestNodeIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := loopback.New()
		a, b, c := join(t, network, "a"), join(t, network, "b"), join(t, network, "c")
		defer a.Close(t.Context())
		wait(300 * time.Millisecond)
		network.Kill("b")
		wait(2500 * time.Millisecond)
		if a.State("b") != cluster.Suspected || a.State("c") != cluster.Alive {
			t.Error(a.State("b"), a.State("c"))
		}
		wait(3 * time.Second)
		if err := a.Send("b", kind, 1, nil); !errors.Is(err, cluster.ErrNoNode) || a.State("b") != cluster.Dead {
			t.Error(err, a.State("b"))
		}
		b.Close(t.Context())
		b = join(t, network, "b")
		defer b.Close(t.Context())
		wait(300 * time.Millisecond)
		c.Close(t.Context())
		wait(0)
		want := "b unknown>alive; c unknown>alive; a unknown>alive; b alive>suspected; b suspected>dead; " +
			"b dead>alive; c alive>left"
		if got := a.changes.take(); sorted(got) != sorted(want) {
			t.Error(got)
		}
	})
}

// sorted puts the words of a list in an order, for changes that are told in any.
func sorted(list string) string {
	words := strings.Split(list, "; ")
	slices.Sort(words)
	return strings.Join(words, "; ")
}

// A second process of a name is refused, and hears so; the first goes on.
func TestDuplicateNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := loopback.New()
		a, c := join(t, network, "a"), join(t, network, "c")
		defer c.Close(t.Context())
		wait(300 * time.Millisecond)
		second := join(t, network, "a")
		wait(time.Second)
		if a.Refused() != "" || second.Refused() != cluster.DuplicateName {
			t.Fatalf("refused %q and %q", a.Refused(), second.Refused())
		}
		if err := second.Send("c", kind, 1, nil); !errors.Is(err, cluster.ErrRefused) {
			t.Error(err)
		}
		c.Send("a", kind, 2, []byte("x"))
		wait(0)
		if got, other := a.messages.take(), second.messages.take(); got != "c 16 2 x" || other != "" {
			t.Errorf("arrived %q, at the one that is refused %q", got, other)
		}
		for _, n := range []*member{a, second, c} {
			if got := refusedAt(n); got != "a duplicate_name" {
				t.Errorf("/cluster shows %q", got)
			}
		}
		if got := sorted(c.changes.take()); got != "a unknown>alive; c unknown>alive" {
			t.Error(got)
		}
		a.Close(t.Context())
		wait(6 * time.Second)
		if second.Refused() != "" || !c.Alive("a") {
			t.Error("the name is not taken when it is free")
		}
		second.Close(t.Context())
	})
}

// refusedAt is who is refused, as a node shows it.
func refusedAt(n *member) string {
	var all []string
	for _, m := range n.Status().Nodes {
		if m.State == cluster.Refused {
			all = append(all, m.Name+" "+m.Why)
		}
	}
	return strings.Join(all, "; ")
}

// A node without a cluster costs its users nothing to ask.
func TestNoNode(t *testing.T) {
	var n *cluster.Node
	if n.Alive("a") || n.Takes("a") || n.Name() != "" || n.Members() != nil || n.Status() != nil || n.Refused() != "" {
		t.Error("a node that is none knows something")
	}
	if err := n.Send("a", kind, 1, nil); !errors.Is(err, cluster.ErrNoNode) {
		t.Error(err)
	}
	n.Drain()
	if err := n.Close(context.Background()); err != nil {
		t.Error(err)
	}
}
