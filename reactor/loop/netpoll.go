package loop

// The one doorway to netpoll. What it gives us is its pool of event loops: goroutines that wait in epoll and call us.
//
// Its connections are not used: they cannot stop reading, lose the answer to a half-closed peer, and park the writer
// until the peer reads (docs/decisions/0014 has the measurements). Instead each of our loops keeps an epoll set of
// its own and hands that set's descriptor to a netpoll event loop as if it were a listening socket: an epoll
// descriptor is readable while its ready list is not empty, and netpoll calls Accept whenever it is.
//
// Rules of netpoll v0.7.2 that this file relies on, each held by a test:
//   - Settings are process-wide and must precede the first event loop; the pool grows to the largest request.
//   - Each EventLoop.Serve takes the next poller of the pool, round robin.
//   - Accept runs on the poller's goroutine and must neither block nor panic; (nil, nil) means "nothing for netpoll".
//   - Shutdown waits neither for a turn that is under way nor for one whose event was fetched already; driver.stop
//     waits for the first and turns the second away.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/cloudwego/netpoll"

	"weir/reactor/logwriter"
)

// pool remembers the size netpoll's process-wide pool was given.
var pool struct {
	sync.Mutex
	size int
}

// growPool makes sure that netpoll runs at least n pollers. Loops and pollers are one to one: any other ratio was
// measured to cost 3 to 5 times the CPU at low load.
func growPool(n int) error {
	pool.Lock()
	defer pool.Unlock()
	if n <= pool.size {
		return nil
	}
	settings := netpoll.Config{PollerNum: n, LoadBalance: netpoll.RoundRobin, LoggerOutput: logwriter.StandardError}
	if err := netpoll.Configure(settings); err != nil {
		return fmt.Errorf("size netpoll's pool to %d loops: %w", n, err)
	}
	pool.size = n
	return nil
}

// turnListener shows a loop's epoll set to netpoll as a listener whose "accept" is one turn of the loop.
type turnListener struct{ driver *driver }

var _ netpoll.Listener = turnListener{}

// Accept runs one bounded turn of the loop on the poller's goroutine.
func (t turnListener) Accept() (net.Conn, error) {
	t.driver.turning.Lock()
	defer t.driver.turning.Unlock()
	if !t.driver.over {
		t.driver.loop.Turn()
	}
	if !t.driver.turned {
		t.driver.turned = true
		close(t.driver.first)
	}
	return nil, nil
}

// Fd is the loop's epoll descriptor.
func (t turnListener) Fd() int { return t.driver.loop.epfd }

// Close does nothing: the loop closes its own descriptors, after netpoll let go of them.
func (t turnListener) Close() error { return nil }

// Addr names no address, a loop has none.
func (t turnListener) Addr() net.Addr { return &net.UnixAddr{Name: "weir-loop", Net: "unix"} }

// driver is one netpoll event loop that turns one of ours.
type driver struct {
	loop   *Loop
	events netpoll.EventLoop
	served chan error

	turning sync.Mutex // held during a turn
	over    bool       // none may begin any more; guarded by turning
	turned  bool       // guarded by turning
	first   chan struct{}
}

// drive hands l to a poller and returns when the poller has turned it once: netpoll tells only Serve's caller, who
// waits until the end, that it could not. The goroutine it starts only waits for Shutdown; stop waits for that
// goroutine.
func drive(l *Loop) (*driver, error) {
	events, err := netpoll.NewEventLoop(func(context.Context, netpoll.Connection) error {
		return errors.New("weir gives netpoll no connections")
	})
	if err != nil {
		return nil, fmt.Errorf("create a netpoll event loop: %w", err)
	}
	d := &driver{loop: l, events: events, served: make(chan error, 1), first: make(chan struct{})}
	go func() { d.served <- d.events.Serve(turnListener{d}) }()
	l.wake()
	select {
	case <-d.first:
		return d, nil
	case err := <-d.served:
		return nil, fmt.Errorf("give loop %d to netpoll: %w", l.id, err)
	}
}

// stop detaches the loop from its poller and returns once no turn runs and none will. Never call it from a turn.
func (d *driver) stop(ctx context.Context) error {
	err := d.events.Shutdown(ctx)
	d.turning.Lock() // a turn is bounded, so this takes milliseconds
	d.over = true
	d.turning.Unlock()
	select {
	case serveErr := <-d.served:
		return errors.Join(err, serveErr)
	case <-ctx.Done():
		return errors.Join(err, ctx.Err())
	}
}
