package nats

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/rs/zerolog"

	"weir/codec/option"
	"weir/reactor/cluster"
)

const (
	kind  = cluster.FirstForward
	probe = kind + 1 // of meet
)

// peer is an engine of a test, with what it brought.
type peer struct {
	*engine
	t    *testing.T
	name string

	mu    sync.Mutex
	lines []string
	met   map[string]bool // whose probes came
	came  *sync.Cond
}

func (p *peer) add(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = append(p.lines, line)
	p.came.Broadcast()
}

func (p *peer) Receive(from string, kind cluster.Kind, id uint64, data []byte) {
	if kind == probe {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.met[from] = true
		return
	}
	if len(data) > 100 {
		data = fmt.Appendf(nil, "%d bytes of %q", len(data), data[0])
	}
	p.add(fmt.Sprintf("%s %d %d %s", from, kind, id, data))
}

func (p *peer) Nobody(to string, kind cluster.Kind, id uint64) {
	if kind != probe {
		p.add(fmt.Sprintf("nobody %s %d %d", to, kind, id))
	}
}

// want waits for what comes next.
func (p *peer) want(lines ...string) {
	p.t.Helper()
	late := time.AfterFunc(10*time.Second, func() { p.add("nothing") })
	defer late.Stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, want := range lines {
		for len(p.lines) == 0 {
			p.came.Wait()
		}
		if got := p.lines[0]; got != want {
			p.t.Fatalf("%s: got %q, want %q", p.name, got, want)
		}
		p.lines = p.lines[1:]
	}
}

// join opens an engine that knows the addresses of others.
func join(t *testing.T, name string, change func(*Options), peers ...*peer) *peer {
	t.Helper()
	p, err := tryJoin(t, name, change, peers...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close(context.Background()) })
	return p
}

func tryJoin(t *testing.T, name string, change func(*Options), peers ...*peer) (*peer, error) {
	var o Options
	option.SetDefaults(&o)
	o.Listen = "127.0.0.1:0"
	for _, other := range peers {
		o.Peers = append(o.Peers, other.embedded.address)
	}
	if change != nil {
		change(&o)
	}
	if errs := o.Validate(); len(errs) > 0 {
		t.Fatal(errs)
	}
	p := &peer{t: t, name: name, met: map[string]bool{}}
	p.came = sync.NewCond(&p.mu)
	opened, err := Opener(o, metrics.NewSet(), zerolog.New(zerolog.NewTestWriter(t)))(name, p)
	if err != nil {
		return nil, err
	}
	p.engine = opened.(*engine)
	return p, nil
}

// meet waits until each node reaches each other.
func meet(t *testing.T, all ...*peer) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		apart := 0
		for _, from := range all {
			for _, to := range all {
				if from != to && !to.hasMet(from.name) {
					from.Send(to.name, probe, 0, nil)
					apart++
				}
			}
		}
		if apart == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d pairs of nodes do not reach each other; %+v", apart, all[0].Health())
		}
	}
}

func (p *peer) hasMet(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.met[name]
}

func TestMessages(t *testing.T) {
	a := join(t, "a", nil)
	b := join(t, "b", nil, a)
	c := join(t, "c", nil, b) // it hears of a from b
	meet(t, a, b, c)
	for i := range uint64(1000) {
		a.Send("b", kind, i, []byte("x"))
	}
	for i := range 1000 {
		b.want(fmt.Sprintf("a 16 %d x", i))
	}
	c.Publish(kind, 7, nil)
	a.want("c 16 7 ")
	b.want("c 16 7 ")
	began := time.Now()
	a.Send("nobody", kind, 1<<63, []byte("x"))
	a.want(fmt.Sprintf("nobody nobody 16 %d", uint64(1<<63)))
	t.Logf("nobody was told after %v", time.Since(began))
	if err := a.Send("a", kind, 1, nil); !errors.Is(err, cluster.ErrNoNode) {
		t.Error(err)
	}
	if err := a.Send("a.b", kind, 1, nil); !errors.Is(err, cluster.ErrNoNode) {
		t.Error(err)
	}
	if h := a.Health(); !h.Connected || len(h.Links) != 2 || h.Address != a.embedded.address {
		t.Errorf("%+v", h)
	}
}

// A long message goes in parts, and short ones come behind it.
func TestLongMessages(t *testing.T) {
	a := join(t, "a", nil)
	b := join(t, "b", nil, a)
	meet(t, a, b)
	for _, size := range []int{directBytes - 100, directBytes, partBytes, partBytes + 1, 5*partBytes + 3, 20 << 20} {
		a.Send("b", kind, 1, bytes.Repeat([]byte{'x'}, size))
		a.Send("b", kind, 2, []byte("behind"))
		b.want(fmt.Sprintf("a 16 1 %d bytes of 'x'", size), "a 16 2 behind")
	}
	if err := a.Send("b", kind, 1, make([]byte, 20<<20+1)); !errors.Is(err, cluster.ErrTooLarge) {
		t.Error(err)
	}
}

// The secret alone encrypts the links and proves both sides.
func TestSecrets(t *testing.T) {
	a := join(t, "a", with(secretFile(t, secretA)))
	b := join(t, "b", with(secretFile(t, secretA+"\n"+secretB)), a)
	c := join(t, "c", with(secretFile(t, secretB+"\n\n"+secretA+"\n")), b)
	d := join(t, "d", with(secretFile(t, secretB)), c)
	meet(t, a, b)
	meet(t, b, c)
	meet(t, c, d)
	waitFor(t, "a and d refuse each other", func() bool { return refused(a) && refused(d) })
	if a.hasMet("d") || d.hasMet("a") {
		t.Error("a link without a secret in common")
	}
}

const secretA, secretB = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"

func with(file string) func(*Options) { return func(o *Options) { o.SecretFile = file } }

func secretFile(t *testing.T, text string) string {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func refused(p *peer) bool {
	_, links := p.trouble.last()
	return len(links) > 0 && links[0].Why == cluster.WrongSecret
}

func waitFor(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}

// Without a secret nobody gets in where there is one, and both sides say so.
func TestNoSecret(t *testing.T) {
	a := join(t, "a", with(secretFile(t, secretA)))
	b := join(t, "b", nil, a)
	waitFor(t, "a refuses b", func() bool { return refused(a) })
	waitFor(t, "b says why", func() bool { return refused(b) })
}
