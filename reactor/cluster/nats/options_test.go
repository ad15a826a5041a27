package nats

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"weir/codec/option"
	"weir/reactor/cluster"
)

func TestOptions(t *testing.T) {
	f := func(change func(*Options), want string) {
		t.Helper()
		var o Options
		option.SetDefaults(&o)
		change(&o)
		got := fmt.Sprint(errors.Join(o.Validate()...))
		if want == "" && got != "<nil>" || !strings.Contains(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(func(*Options) {}, "")
	f(func(o *Options) { o.Listen = "0.0.0.0:6222" }, "listen: ")
	f(func(o *Options) { o.Listen, o.SecretFile = "0.0.0.0:6222", "f" }, "")
	f(func(o *Options) { o.Listen = "6222" }, "is not an address")
	f(func(o *Options) { o.Peers = []string{"localhost:1", "[::1]:2", "127.0.0.1:3"} }, "")
	f(func(o *Options) { o.Peers = []string{"10.0.0.1:1"} }, "peers: ")
	f(func(o *Options) { o.Peers = []string{"127.0.0.1:0"} }, "is not the address of a node")
	f(func(o *Options) { o.DNS = []string{"weir.internal:6222"} }, "dns with secret_file")
	f(func(o *Options) { o.DNS, o.SecretFile = []string{"weir.internal:6222", "_weir._tcp.internal"}, "f" }, "")
	f(func(o *Options) { o.DNS, o.SecretFile = []string{"weir.internal"}, "f" }, "is not a name of nodes")
	f(func(o *Options) { o.Engine = "nats://a:4222,tls://b:4222" }, "")
	f(func(o *Options) { o.Engine = "http://a:4222" }, "is not the URL of a NATS server")
	f(func(o *Options) { o.Engine = "nats://u:p@a:4222" }, "it holds a password")
	f(func(o *Options) { o.Engine, o.Listen = "nats://a:4222", "0.0.0.0:1" }, "")
	f(func(o *Options) { o.MaxOutgoingBytes = 1 << 20 }, "max_outgoing_bytes: 1 MiB is below max_message_bytes")
}

func TestSecretFiles(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "it has no secret",
		"\n \n":                               "it has no secret",
		"a\nb\nc\n":                           "it has 3 secrets",
		strings.Repeat("x", maxSecretBytes+1): "bytes",
		" a \n":                               "line 1 has 1 characters",
		secretA + "\nb":                       "line 2 has 1 characters",
		secretA + "\r\n" + secretB:            "",
	} {
		secrets, err := parseSecrets([]byte(text))
		if err == nil {
			err = checkStrength(secrets)
		}
		if got := fmt.Sprint(err); want == "" && err != nil || !strings.Contains(got, want) {
			t.Errorf("%.10q: got %q, want %q", text, got, want)
		}
	}
	if _, err := tryJoin(t, "a", with(secretFile(t, "short"))); err == nil ||
		!strings.Contains(err.Error(), "cluster.secret_file") {
		t.Error(err)
	}
}

// names is a resolver with answers of its own.
type names struct {
	hosts    map[string][]string
	services map[string][]*net.SRV
}

func (n names) LookupHost(_ context.Context, host string) ([]string, error) {
	if ips, there := n.hosts[host]; there {
		return ips, nil
	}
	return nil, fmt.Errorf("no such host %s", host)
}

func (n names) LookupSRV(_ context.Context, _, _, name string) (string, []*net.SRV, error) {
	return name, n.services[name], nil
}

func TestLookup(t *testing.T) {
	r := names{
		hosts: map[string][]string{"weir.internal": {"10.0.0.1", "fd00::2"}, "n3.internal": {"10.0.0.3"}},
		services: map[string][]*net.SRV{
			"_weir._tcp.internal": {{Target: "n3.internal.", Port: 7}, {Target: "gone.", Port: 8}},
		},
	}
	found, err := lookup(t.Context(), r, []string{"weir.internal:6222", "_weir._tcp.internal"})
	want := []string{"10.0.0.1:6222", "[fd00::2]:6222", "10.0.0.3:7"}
	if !slices.Equal(found, want) || err == nil || !strings.Contains(err.Error(), "gone") {
		t.Error(found, err)
	}
}

// TestUpdate: an address is connected to when it is found, and given up only after so many whole answers without it.
func TestUpdate(t *testing.T) {
	known := map[string]int{}
	f := func(want bool, complete bool, found ...string) {
		t.Helper()
		if got := update(known, found, complete); got != want {
			t.Errorf("%v: changed %v; known %v", found, got, known)
		}
	}
	f(true, true, "a", "b")
	f(false, true, "b", "a")
	for range goneAfter {
		f(false, false, "a")
	}
	for range goneAfter - 1 {
		f(false, true, "a")
	}
	f(false, true, "a", "b") // it is back in time
	for range goneAfter - 1 {
		f(false, true, "a")
	}
	f(true, true, "a")
	if len(known) != 1 {
		t.Error(known)
	}
}

// TestReload: a node that is found later is connected to, and one that is given up is not looked for any more.
func TestReload(t *testing.T) {
	a, b := join(t, "a", with(secretFile(t, secretA))), join(t, "b", with(secretFile(t, secretA)))
	if err := a.embedded.connectTo(nil, map[string]int{b.embedded.address: 0}); err != nil {
		t.Fatal(err)
	}
	meet(t, a, b)
	if err := a.embedded.connectTo(nil, nil); err != nil {
		t.Fatal(err)
	}
}

func TestPortIsTaken(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, err = tryJoin(t, "a", func(o *Options) { o.Listen = listener.Addr().String() })
	if err == nil || !strings.Contains(err.Error(), "cluster.listen") || !strings.Contains(err.Error(), "in use") {
		t.Error(err)
	}
}

func TestFrames(t *testing.T) {
	h := head{kind: 9, id: 1 << 63, from: "node-1", total: 3}
	message := append(h.append(nil), "abc"...)
	var got head
	data, err := got.parse(message, map[string]string{})
	if err != nil || string(data) != "abc" || got != h {
		t.Error(got, data, err)
	}
	for cut := range len(message) - 3 {
		if _, err := got.parse(message[:cut], map[string]string{}); err == nil {
			t.Errorf("%d bytes pass", cut)
		}
	}
	for _, kind := range []cluster.Kind{0, 63, 255} {
		reply := string(replyFor(nil, "a", []byte("b_2"), kind, 0xabc))
		to, k, id, err := parseReply(strings.TrimPrefix(reply, "weir.node.a.n."))
		if err != nil || to != "b_2" || k != kind || id != 0xabc {
			t.Error(reply, to, k, id, err)
		}
	}
	for _, bad := range []string{"", "1.2", "256.1.a", "x.1.a", "1.x.a", "1.1.a b", "1.1.a.b"} {
		if _, _, _, err := parseReply(bad); err == nil {
			t.Errorf("%q passes", bad)
		}
	}
}

// FuzzFrame: whatever comes is taken apart within its own bytes, or refused.
func FuzzFrame(f *testing.F) {
	h := head{kind: 9, id: 5, from: "a", total: 3}
	f.Add(append(h.append(nil), "abc"...))
	f.Fuzz(func(t *testing.T, message []byte) {
		var h head
		data, err := h.parse(message, map[string]string{})
		if err == nil && (h.offset+len(data) > h.total || !cluster.IsName(h.from)) {
			t.Errorf("%+v with %d bytes", h, len(data))
		}
	})
}

func TestParts(t *testing.T) {
	dropped := 0
	p := parts{most: 100, open: map[string]*unfinished{}, dropped: func() { dropped++ }}
	f := func(from string, id uint64, offset, total int, data, want string) {
		t.Helper()
		if got := string(p.add(&head{from: from, id: id, offset: offset, total: total}, []byte(data))); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f("a", 1, 0, 6, "abc", "")
	f("b", 1, 0, 4, "xy", "")
	f("a", 1, 3, 6, "def", "abcdef")
	f("b", 1, 2, 4, "zz", "xyzz")
	f("a", 2, 0, 9, "abc", "")
	f("a", 2, 6, 9, "ghi", "") // a part is missing
	f("a", 2, 3, 9, "def", "")
	f("a", 3, 0, 6, "abc", "")
	f("a", 4, 0, 6, "ABC", "") // the former one has no end
	f("a", 4, 3, 6, "DEF", "ABCDEF")
	f("a", 5, 0, 101, "abc", "") // too much at once
	if dropped != 3 || p.bytes != 0 || len(p.open) != 0 {
		t.Error(dropped, p.bytes, p.open)
	}
}

// TestFull: what waits to leave is bounded, and what was refused is not sent.
func TestFull(t *testing.T) {
	o := newOutbox(1000)
	h := head{from: "a", kind: kind}
	accepted := 0
	for o.add("b", &h, make([]byte, 100)) == nil {
		accepted++
	}
	if err := o.add("b", &h, make([]byte, 100)); !errors.Is(err, cluster.ErrFull) || accepted < 7 || accepted > 10 {
		t.Error(accepted, err)
	}
	taken := o.take()
	if err := o.add("b", &h, make([]byte, 100)); !errors.Is(err, cluster.ErrFull) {
		t.Error("what is being written does not count:", err)
	}
	o.done(taken)
	if err := o.add("b", &h, nil); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o.close(ctx) // nobody writes: it returns all the same
	if err := o.add("b", &h, nil); !errors.Is(err, cluster.ErrClosed) {
		t.Error(err)
	}
}
