package loadtest

import (
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// HostileCounts is what became of misbehaving clients.
type HostileCounts struct {
	Opened         uint64 `json:"opened"`
	ClosedByServer uint64 `json:"closed_by_server"`
	Refused        uint64 `json:"refused"`
	Failed         uint64 `json:"failed"`
	Vanished       uint64 `json:"vanished"`
}

func (h *HostileCounts) add(o HostileCounts) {
	h.Opened += o.Opened
	h.ClosedByServer += o.ClosedByServer
	h.Refused += o.Refused
	h.Failed += o.Failed
	h.Vanished += o.Vanished
}

// misdeed is what a hostile client does with its connection.
type misdeed uint8

const (
	slowDrip    misdeed = iota // one byte of a request at each turn
	halfRequest                // half a request, then silence
	vanish                     // connects and is gone
)

// crowd is the hostile clients that a loop of their own turns around: they do something every crowdTurn and nothing in
// between, so no epoll set is needed.
type crowd struct {
	to      unix.Sockaddr
	request []byte
	stop    chan struct{}
	done    chan struct{}

	mu      sync.Mutex
	counted HostileCounts

	// the goroutine's own
	people []*villain
}

type villain struct {
	deed misdeed
	fd   int32 // -1: not connected
	sent int
}

const crowdTurn = 100 * time.Millisecond

// startCrowd lets the hostile clients loose; close ends them.
func startCrowd(o *Options, h Hostile) *crowd {
	to, err := sockaddr(o.Network, o.Address)
	if err != nil {
		panic(fmt.Sprintf("loadtest: %v, though a fleet was made with it", err))
	}
	c := &crowd{to: to, stop: make(chan struct{}), done: make(chan struct{})}
	w := newWire(o)
	c.request = w.opening()
	if o.Transport != WebSocket {
		body := request("ping", "", "")
		t := w.wrap(body, idOffset(body), nil)
		c.request = t.append(c.request, firstID)
	}
	for deed, n := range map[misdeed]int{slowDrip: h.SlowDrip, halfRequest: h.HalfRequest, vanish: h.Vanish} {
		for range n {
			c.people = append(c.people, &villain{deed: deed, fd: -1})
		}
	}
	go c.run()
	return c
}

func (c *crowd) counts() HostileCounts {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counted
}

func (c *crowd) close() {
	close(c.stop)
	<-c.done
}

func (c *crowd) run() {
	defer close(c.done)
	turn := time.NewTicker(crowdTurn)
	defer turn.Stop()
	for {
		for _, v := range c.people {
			c.act(v)
		}
		select {
		case <-turn.C:
		case <-c.stop:
			for _, v := range c.people {
				if v.fd >= 0 {
					hangUp(v.fd)
				}
			}
			return
		}
	}
}

// act is one client's turn.
func (c *crowd) act(v *villain) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v.fd < 0 {
		c.connect(v)
		return
	}
	if v.deed == vanish {
		c.counted.Vanished++
		c.drop(v)
		return
	}
	if over, refused := hungUpOn(v.fd); over {
		if refused {
			c.counted.Failed++
		} else {
			c.counted.ClosedByServer++
		}
		c.drop(v)
		return
	}
	limit := len(c.request) - 1 // never the whole request
	step := 1
	if v.deed == halfRequest {
		limit = len(c.request) / 2
		step = limit
	}
	if v.sent >= limit {
		return
	}
	n, errno := sysWrite(v.fd, c.request[v.sent:min(limit, v.sent+step)])
	if errno == unix.EPIPE || errno == unix.ECONNRESET {
		c.counted.ClosedByServer++
		c.drop(v)
		return
	}
	v.sent += max(0, n)
}

func (c *crowd) connect(v *villain) {
	fd, err := dial(c.to, noSource, 0, 0)
	if err != nil {
		c.counted.Failed++
		return
	}
	v.fd, v.sent = fd, 0
	c.counted.Opened++
}

func (c *crowd) drop(v *villain) {
	hangUp(v.fd)
	v.fd = -1
}

// hungUpOn looks whether the server has ended the connection, or never took it. What it sent is thrown away.
func hungUpOn(fd int32) (over, refused bool) {
	var b [4096]byte
	for {
		n, errno := sysRead(fd, b[:])
		switch {
		case errno == unix.EAGAIN || errno == unix.EINTR:
			return false, false
		case errno == unix.ECONNREFUSED:
			return true, true
		case errno != 0 || n == 0:
			return true, false
		}
	}
}
