package loadtest

import (
	"maps"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Hostile says how many misbehaving clients are there all the time, by kind. hostileKinds is the table of them.
type Hostile struct {
	NeverRead   int `json:"never_read,omitempty"`   // they ask for answers and do not take them
	SlowRead    int `json:"slow_read,omitempty"`    // they take a few bytes of them at a time
	SlowDrip    int `json:"slow_drip,omitempty"`    // one byte of a request at a time
	HalfRequest int `json:"half_request,omitempty"` // half a request, then silence
	HalfClose   int `json:"half_close,omitempty"`   // a call, and the end of their sending side: the answer is still due to them
	Garbage     int `json:"garbage,omitempty"`      // bytes that are no request
	Oversize    int `json:"oversize,omitempty"`     // a message without end
	Duplicate   int `json:"duplicate,omitempty"`    // two calls with one id, both in flight
	Reset       int `json:"reset,omitempty"`        // a call, and the connection is reset before its answer
	Vanish      int `json:"vanish,omitempty"`       // they connect and are gone, again and again
}

// hostileKind is one way of misbehaving.
type hostileKind struct {
	name  string
	count func(*Hostile) *int
	deed  misdeed
	// polite kinds open their connection as good clients do, and misbehave then.
	polite bool
	// ended kinds are the server's to end: nothing else does.
	ended bool
}

var hostileKinds = []hostileKind{
	{"never_read", func(h *Hostile) *int { return &h.NeverRead }, neverRead, true, true},
	{"slow_read", func(h *Hostile) *int { return &h.SlowRead }, slowRead, true, false},
	{"slow_drip", func(h *Hostile) *int { return &h.SlowDrip }, slowDrip, false, true},
	{"half_request", func(h *Hostile) *int { return &h.HalfRequest }, halfRequest, false, true},
	{"half_close", func(h *Hostile) *int { return &h.HalfClose }, halfClose, true, true},
	{"garbage", func(h *Hostile) *int { return &h.Garbage }, garbage, false, true},
	{"oversize", func(h *Hostile) *int { return &h.Oversize }, oversize, true, true},
	{"duplicate", func(h *Hostile) *int { return &h.Duplicate }, duplicate, true, true},
	{"reset", func(h *Hostile) *int { return &h.Reset }, reset, true, false},
	{"vanish", func(h *Hostile) *int { return &h.Vanish }, vanish, false, false},
}

func (h Hostile) total() (sum int) {
	for _, k := range hostileKinds {
		sum += *k.count(&h)
	}
	return sum
}

// share is one worker's part of the whole.
func (h Hostile) share(worker, workers int) Hostile {
	for _, k := range hostileKinds {
		n := k.count(&h)
		*n = *n*(worker+1)/workers - *n*worker/workers
	}
	return h
}

// HostileCounts is what became of misbehaving clients.
type HostileCounts struct {
	Opened         uint64 `json:"opened"`
	ClosedByServer uint64 `json:"closed_by_server"`
	Refused        uint64 `json:"refused"`
	Failed         uint64 `json:"failed"`
	Vanished       uint64 `json:"vanished"`
	// Ended is how connections ended, by kind and then by what the server said last ("HTTP 408", "error: ...", "answered") or,
	// where it said nothing, by how the connection ended (see EndReason); stillOpen counts those that did not.
	Ended map[string]map[string]uint64 `json:"ended,omitempty"`
}

// Endings that are no EndReason.
const (
	stillOpen = "open at the end"
	answered  = "answered"
)

func (h *HostileCounts) add(o HostileCounts) {
	h.Opened += o.Opened
	h.ClosedByServer += o.ClosedByServer
	h.Refused += o.Refused
	h.Failed += o.Failed
	h.Vanished += o.Vanished
	for kind, endings := range o.Ended {
		for ending, n := range endings {
			h.end(kind, ending, n)
		}
	}
}

// end counts connections of a kind that ended in one way.
func (h *HostileCounts) end(kind, ending string, n uint64) {
	if n == 0 {
		return
	}
	if h.Ended == nil {
		h.Ended = map[string]map[string]uint64{}
	}
	if h.Ended[kind] == nil {
		h.Ended[kind] = map[string]uint64{}
	}
	if _, known := h.Ended[kind][ending]; !known && len(h.Ended[kind]) >= maxNames {
		ending = "more" // the server chooses some of the words, and not how many there are
	}
	h.Ended[kind][ending] += n
}

// endedByServer is how many connections of a kind the server ended or answered to their end.
func (h *HostileCounts) endedByServer(kind string) (sum uint64) {
	for ending, n := range h.Ended[kind] {
		if ending != stillOpen && ending != EndHungUp.String() && ending != EndConnectFailed.String() {
			sum += n
		}
	}
	return sum
}

// takeFleet adds the clients that never read, which are a fleet.
func (h *HostileCounts) takeFleet(c *Counters) {
	const kind = "never_read"
	h.Opened += c.Opened
	h.ClosedByServer += c.Ended[EndPeerClosed] + c.Ended[EndPeerReset]
	h.Refused += c.Ended[EndRefused]
	h.Failed += c.Ended[EndConnectFailed]
	for why, n := range c.Ended {
		h.end(kind, EndReason(why).String(), n)
	}
	h.end(kind, stillOpen, c.Open)
}

// crowd is the hostile clients that a loop of their own turns around: they do something every crowdTurn and nothing in
// between, so no epoll set is needed.
type crowd struct {
	to   unix.Sockaddr
	opts *WireOptions
	wire wire
	msgs messages
	stop chan struct{}
	done chan struct{}

	mu      sync.Mutex
	counted HostileCounts
	people  []*villain

	// the goroutine's own
	judge judge
	in    []byte
}

const (
	crowdTurn = 100 * time.Millisecond
	// crowdRest is how many turns a client pauses after its end, so that what ends at once does not become a storm.
	crowdRest = 10
)

// startCrowd lets the hostile clients loose; close ends them.
func startCrowd(o *WireOptions, h Hostile) (*crowd, error) {
	to, err := sockaddr(o.Network, o.Address)
	if err != nil {
		return nil, err
	}
	msgs, err := newMessages(o)
	if err != nil {
		return nil, err
	}
	c := &crowd{to: to, opts: o, wire: newWire(o), msgs: msgs, judge: newJudge(), in: make([]byte, readBytes),
		stop: make(chan struct{}), done: make(chan struct{})}
	for i := range hostileKinds {
		k := &hostileKinds[i]
		if k.deed == neverRead {
			continue // a fleet of the driver's
		}
		for range *k.count(&h) {
			c.people = append(c.people, &villain{kind: k, fd: -1})
		}
	}
	go c.run()
	return c, nil
}

func (c *crowd) counts() HostileCounts {
	c.mu.Lock()
	defer c.mu.Unlock()
	counted := c.counted
	counted.Ended = make(map[string]map[string]uint64, len(c.counted.Ended))
	for kind, endings := range c.counted.Ended {
		counted.Ended[kind] = maps.Clone(endings)
	}
	for _, v := range c.people {
		if v.fd >= 0 {
			counted.end(v.kind.name, stillOpen, 1)
		}
	}
	return counted
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
			c.mu.Lock()
			c.act(v)
			c.mu.Unlock()
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
