package admin

import (
	"net"
	"slices"
	"sync"
)

// limitListener holds at most cap(slots) connections, and one more that waits for its slot. Past that whoever came
// first makes room: sixty-four peers that read slowly, or stay and ask nothing, must not keep a probe of /healthz out.
// Safe for concurrent use, as net.Listener is.
type limitListener struct {
	net.Listener
	slots  chan struct{}
	closed chan struct{}
	once   sync.Once

	mu   sync.Mutex
	open []*limitedConn // in the order in which they came, without those that make room
}

func newLimitListener(inner net.Listener, limit int) *limitListener {
	return &limitListener{Listener: inner, slots: make(chan struct{}, limit), closed: make(chan struct{})}
}

func (l *limitListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	select {
	case l.slots <- struct{}{}:
	default:
		l.makeRoom()
		select {
		case l.slots <- struct{}{}:
		case <-l.closed:
			conn.Close()
			return nil, net.ErrClosed
		}
	}
	c := &limitedConn{Conn: conn, of: l}
	l.mu.Lock()
	l.open = append(l.open, c)
	l.mu.Unlock()
	return c, nil
}

// makeRoom ends the oldest connection. Its slot is free when who serves it has noticed, so there are never more that
// are served.
func (l *limitListener) makeRoom() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.open) > 0 {
		_ = l.open[0].Conn.Close()
		l.open = slices.Delete(l.open, 0, 1)
	}
}

func (l *limitListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// limitedConn gives its slot back once, however often it is closed.
type limitedConn struct {
	net.Conn
	of   *limitListener
	once sync.Once
}

func (c *limitedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() {
		c.of.mu.Lock()
		c.of.open = slices.DeleteFunc(c.of.open, func(one *limitedConn) bool { return one == c })
		c.of.mu.Unlock()
		<-c.of.slots
	})
	return err
}
