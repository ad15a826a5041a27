package queuetest

import (
	"io"
	"net"
	"sync"
	"testing"
)

// Wire is between an engine and its broker. It can be cut: connections end, and new ones are refused. It can be frozen:
// nothing passes, and nothing ends.
type Wire struct {
	listener net.Listener
	to       string
	mu       sync.Mutex
	cut      bool
	frozen   bool
	changed  sync.Cond // of both
	conns    map[net.Conn]bool
	over     sync.WaitGroup
}

// NewWire makes one to the broker at that TCP address. It ends with the test.
func NewWire(t testing.TB, to string) *Wire {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &Wire{listener: listener, to: to, conns: map[net.Conn]bool{}}
	w.changed.L = &w.mu
	w.over.Go(w.accept)
	t.Cleanup(func() {
		listener.Close()
		w.Cut(true)
		w.over.Wait()
	})
	return w
}

// Address is where the engine finds the broker.
func (w *Wire) Address() string { return w.listener.Addr().String() }

// Cut cuts the wire, or mends it.
func (w *Wire) Cut(cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = cut
	w.changed.Broadcast()
	if cut {
		for c := range w.conns {
			c.Close()
		}
	}
}

// Freeze has nothing pass, or everything that waits.
func (w *Wire) Freeze(frozen bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.frozen = frozen
	w.changed.Broadcast()
}

// passing is one end of a connection, from which is read what may pass.
type passing struct {
	net.Conn
	wire *Wire
}

func (p passing) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	w := p.wire
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.frozen && !w.cut {
		w.changed.Wait()
	}
	return n, err
}

func (w *Wire) accept() {
	for {
		near, err := w.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", w.to)
		if err != nil {
			near.Close()
			continue
		}
		if !w.keep(near, far) {
			continue
		}
		w.over.Go(func() { w.copy(near, far) })
		w.over.Go(func() { w.copy(far, near) })
	}
}

func (w *Wire) keep(conns ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range conns {
		if w.cut {
			c.Close()
			continue
		}
		w.conns[c] = true
	}
	return !w.cut
}

func (w *Wire) copy(to, from net.Conn) {
	_, _ = io.Copy(to, passing{from, w}) // until either is closed
	to.Close()
	from.Close()
	w.mu.Lock()
	delete(w.conns, to)
	delete(w.conns, from)
	w.mu.Unlock()
}
