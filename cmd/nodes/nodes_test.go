package nodes

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metrics"
	"github.com/rs/zerolog"

	"weir/codec/option"
	"weir/reactor/cluster"
)

func defaults() (o Options) {
	option.SetDefaults(&o)
	o.Links.Listen = "127.0.0.1:0"
	return o
}

func noLoad() cluster.Load { return cluster.Load{} }

// TestSingle: a process that is alone has no node, no goroutine of NATS and no series, and everything may be asked.
func TestSingle(t *testing.T) {
	set := metrics.NewSet()
	n, err := New(Single, defaults(), "test", noLoad, set, zerolog.Nop())
	if n != nil || err != nil {
		t.Fatal(n, err)
	}
	n.Drain()
	if err := n.Start(); err != nil || n.Lost() != 0 || n.Status() != (Status{Mode: Single}) {
		t.Error(err, n.Lost(), n.Status())
	}
	n.Close(t.Context())
	n.Abandon()
	if names := set.ListMetricNames(); len(names) > 0 {
		t.Error(names)
	}
	if stacks := goroutines(t); strings.Contains(stacks, "nats") {
		t.Error("a goroutine of NATS:\n" + stacks)
	}
}

func goroutines(t *testing.T) string {
	var stacks bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&stacks, 1); err != nil {
		t.Fatal(err)
	}
	return stacks.String()
}

// TestAlone: a node without others is a member all the same, and a stop leaves nothing.
func TestAlone(t *testing.T) {
	o := defaults()
	o.Membership.Node = "a"
	n, err := New(Cluster, o, "test", noLoad, metrics.NewSet(), zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
	if status := n.Status(); status.Mode != Cluster || status.Node != "a" || !status.Engine.Connected {
		t.Errorf("%+v", status)
	}
	if stacks := goroutines(t); !strings.Contains(stacks, "nats") { // or TestSingle looks in vain
		t.Error(stacks)
	}
	n.Drain()
	n.Close(context.Background())
	n.Close(context.Background())
}

// TestPortIsTaken: a start that fails leaves nothing behind.
func TestPortIsTaken(t *testing.T) {
	o := defaults()
	o.Membership.Node = "a"
	first, err := New(Cluster, o, "test", noLoad, metrics.NewSet(), zerolog.Nop())
	if err == nil {
		err = first.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close(t.Context())
	o.Links.Listen = first.Status().Engine.Address
	second, err := New(Cluster, o, "test", noLoad, metrics.NewSet(), zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Start(); err == nil || !strings.Contains(err.Error(), "cluster.listen") {
		t.Error(err)
	}
	second.Abandon()
}

func TestModes(t *testing.T) {
	for mode, want := range map[string]bool{Single: true, Cluster: true, Frontend: false, Worker: false} {
		var found option.Mistakes
		o := defaults() // without a broker
		o.CheckMode(mode, "", &found)
		if got := len(found) == 0; got != want {
			t.Errorf("%s: %v", mode, errors.Join(found.Errors()...))
		}
	}
}

// TestModesSecrets: a file that is not there, or holds no secret, is a mistake of the configuration.
func TestModesSecrets(t *testing.T) {
	short := filepath.Join(t.TempDir(), "short")
	if err := os.WriteFile(short, []byte("word\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{short, short + ".no"} {
		o := defaults()
		o.Links.SecretFile, o.Queue.SecretFile, o.Queue.Engine = file, file, "redis://127.0.0.1:1"
		for mode, want := range map[string]string{Single: "", Cluster: "cluster.secret_file",
			Worker: "cluster.queue.secret_file"} {
			var found option.Mistakes
			o.CheckMode(mode, "key", &found)
			if want == "" && len(found) > 0 || want != "" && !found.Has(want) {
				t.Errorf("%s, %s: %v", mode, file, errors.Join(found.Errors()...))
			}
		}
	}
}

func TestNames(t *testing.T) {
	o := defaults()
	if name, err := o.nameOf(); err == nil && !cluster.IsName(name) {
		t.Error(name)
	}
	for name, want := range map[string]bool{"a": true, "n-1_B": true, "": false, "a.b": false, "a b": false, "ä": false,
		strings.Repeat("a", 64): true, strings.Repeat("a", 65): false} {
		if cluster.IsName(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}

// TestWeakSecret: clients get ids that are made with the secret, so one that can be guessed is refused, also where it is
// the password of a NATS server.
func TestWeakSecret(t *testing.T) {
	for _, engine := range []string{"", "nats://127.0.0.1:4222"} {
		o := defaults()
		o.Membership.Node, o.Links.Engine, o.Links.SecretFile = "a", engine, t.TempDir()+"/secret"
		for secret, want := range map[string]bool{"weir:correct-horse-battery": false, strings.Repeat("5f", 16): true} {
			if err := os.WriteFile(o.Links.SecretFile, []byte(secret), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := New(Cluster, o, "test", noLoad, metrics.NewSet(), zerolog.Nop())
			if (err == nil) != want || err != nil && !strings.Contains(err.Error(), "openssl rand -hex 32") {
				t.Errorf("engine %q, %d characters: %v", engine, len(secret), err)
			}
		}
	}
}
