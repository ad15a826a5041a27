package cmd

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"weir/reactor/cluster"
)

// node is a process of a cluster.
type node struct {
	*child
	name string
}

// clusterTimes are those of a test that takes seconds; make slow (WEIR_SLOW) has the defaults, for figures.
func clusterTimes() string {
	if os.Getenv("WEIR_SLOW") != "" {
		return "{}"
	}
	return "{heartbeat_interval: 100ms, suspect_after: 500ms, dead_after: 1s}"
}

// startNode starts a process that knows the others' addresses.
func startNode(t *testing.T, name, secret string, peers ...*node) *node {
	t.Helper()
	folder := t.TempDir()
	config := "cluster: " + clusterTimes() + "\nalerts: {clear_after: 1s}\n"
	if secret != "" {
		config = strings.Replace(config, "{", "{secret_file: "+writeFile(t, folder, "secret", secret)+", ", 1)
	}
	args := []string{"--config", writeFile(t, folder, "weir.yaml", config), "--mode", "cluster", "--node", name,
		"--cluster-listen", "127.0.0.1:0"}
	for _, other := range peers {
		args = append(args, "--cluster-peers", other.look().Engine.Address)
	}
	return &node{startChild(t, args...), name}
}

// clusterPage is /cluster.
type clusterPage struct {
	Mode, Node, State, Why string
	Engine                 cluster.Health
	Nodes                  []struct{ Name, State, Why string }
}

func (n *node) look() (page clusterPage) {
	n.t.Helper()
	if err := json.Unmarshal([]byte(n.httpGet("/cluster")), &page); err != nil {
		n.t.Fatal(err)
	}
	return page
}

// sees tells whether /cluster shows exactly these nodes, "name state".
func (n *node) sees(want ...string) bool {
	var got []string
	for _, other := range n.look().Nodes {
		got = append(got, strings.TrimSpace(other.Name+" "+other.State+" "+other.Why))
	}
	return strings.Join(got, ", ") == strings.Join(want, ", ")
}

// awaits waits until the node sees these, and says how long that took since begun.
func (n *node) awaits(begun time.Time, what string, want ...string) {
	n.t.Helper()
	within(n.t, 30*time.Second, func() string {
		return fmt.Sprintf("%s: %s sees %v, want %q", what, n.name, n.look().Nodes, want)
	}, func() bool { return n.sees(want...) })
	n.t.Logf("%s: %s sees it after %v", what, n.name, time.Since(begun).Round(time.Millisecond))
}

const testSecret = "00112233445566778899aabbccddeeff"

// TestNodes: three processes find each other, and see each other die, come back, freeze, go on and leave.
func TestNodes(t *testing.T) {
	begun := time.Now()
	a := startNode(t, "a", testSecret)
	b := startNode(t, "b", testSecret, a)
	c := startNode(t, "c", testSecret, b)
	a.awaits(begun, "three started", "a alive", "b alive", "c alive")
	c.awaits(begun, "three started", "c alive", "a alive", "b alive")

	begun = time.Now()
	c.Process.Kill()
	a.awaits(begun, "SIGKILL", "a alive", "b alive", "c suspected")
	a.awaits(begun, "SIGKILL", "a alive", "b alive", "c dead")
	eventually(t, "the alert fires", func() bool {
		return strings.Contains(a.httpGet("/metrics"), `weir_alert_firing{alert="WeirNodeLost",severity="critical"} 1`)
	})
	begun = time.Now()
	c = startNode(t, "c", testSecret, b)
	a.awaits(begun, "started again", "a alive", "b alive", "c alive")
	eventually(t, "the alert clears", func() bool {
		return strings.Contains(a.httpGet("/metrics"), `weir_alert_firing{alert="WeirNodeLost",severity="critical"} 0`)
	})

	begun = time.Now()
	b.Process.Signal(syscall.SIGSTOP)
	a.awaits(begun, "SIGSTOP", "a alive", "b suspected", "c alive")
	a.awaits(begun, "SIGSTOP", "a alive", "b dead", "c alive")
	begun = time.Now()
	b.Process.Signal(syscall.SIGCONT)
	a.awaits(begun, "SIGCONT", "a alive", "b alive", "c alive")
	b.awaits(begun, "SIGCONT", "b alive", "a alive", "c alive")

	begun = time.Now()
	b.Process.Signal(syscall.SIGTERM)
	a.awaits(begun, "SIGTERM", "a alive", "b left", "c alive")
	a.Process.Signal(syscall.SIGTERM)
	c.Process.Signal(syscall.SIGTERM)
	for _, one := range []*node{b, a, c} { // a second signal to b could meet it after its last word, and kill it
		if code := one.exitCode(); code != exitOK {
			t.Errorf("%s: exit %d", one.name, code)
		}
	}
}

// TestNodesRefused: who has another's name, or does not know the secret, is refused by name, and both sides show it.
func TestNodesRefused(t *testing.T) {
	begun := time.Now()
	a := startNode(t, "a", testSecret)
	b := startNode(t, "b", testSecret, a)
	a.awaits(begun, "two started", "a alive", "b alive")
	twin := startNode(t, "b", testSecret, a)
	twin.awaits(begun, "the name is taken", "b refused duplicate_name", "a alive")
	a.awaits(begun, "the name is taken", "a alive", "b alive", "b refused duplicate_name")
	b.awaits(begun, "the name is taken", "b alive", "a alive", "b refused duplicate_name")
	if page := twin.look(); page.State != "refused" || page.Why != "duplicate_name" {
		t.Errorf("%+v", page)
	}
	stranger := startNode(t, "s", strings.ToUpper(testSecret), a)
	for _, one := range []*node{stranger, a} {
		eventually(t, "no link without the secret", func() bool {
			links := one.look().Engine.Refused
			return len(links) > 0 && links[0].Why == "wrong_secret"
		})
	}
	if !stranger.sees("s alive") {
		t.Errorf("%+v", stranger.look())
	}
	b.Process.Kill()
	twin.awaits(begun, "the name is free", "b alive", "a alive")
}
