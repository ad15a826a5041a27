package hostile

import (
	"maps"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"weir/loadtest/client"
	"weir/loadtest/socket"
	"weir/loadtest/table"
	"weir/loadtest/wire"
)

// Clients says how many misbehaving clients are there all the time, by kind. Kinds is the table of them.
type Clients struct {
	// NeverRead: they ask for answers and do not take them.
	NeverRead int `json:"never_read,omitempty" yaml:"never_read" min:"0" max:"10000" unit:"clients"`
	// SlowRead: they take a few bytes of them at a time.
	SlowRead int `json:"slow_read,omitempty" yaml:"slow_read" min:"0" max:"10000" unit:"clients"`
	// SlowDrip: one byte of a request at a time.
	SlowDrip int `json:"slow_drip,omitempty" yaml:"slow_drip" min:"0" max:"10000" unit:"clients"`
	// HalfRequest: half a request, then silence.
	HalfRequest int `json:"half_request,omitempty" yaml:"half_request" min:"0" max:"10000" unit:"clients"`
	// HalfClose: a call, and the end of their sending side: the answer is still due to them.
	HalfClose int `json:"half_close,omitempty" yaml:"half_close" min:"0" max:"10000" unit:"clients"`
	// Garbage: bytes that are no request.
	Garbage int `json:"garbage,omitempty" yaml:"garbage" min:"0" max:"10000" unit:"clients"`
	// Oversize: a message without end.
	Oversize int `json:"oversize,omitempty" yaml:"oversize" min:"0" max:"10000" unit:"clients"`
	// Duplicate: two calls with one id, both in flight.
	Duplicate int `json:"duplicate,omitempty" yaml:"duplicate" min:"0" max:"10000" unit:"clients"`
	// Reset: a call, and the connection is reset before its answer.
	Reset int `json:"reset,omitempty" yaml:"reset" min:"0" max:"10000" unit:"clients"`
	// Vanish: they connect and are gone, again and again.
	Vanish int `json:"vanish,omitempty" yaml:"vanish" min:"0" max:"10000" unit:"clients"`
}

// Kind is one way of misbehaving.
type Kind struct {
	Name      string
	Count     func(*Clients) *int
	behaviour behaviour
	// polite kinds open their connection as good clients do, and misbehave then.
	handshakes bool
	// ended kinds are the server's to end: nothing else does.
	EndedByServer bool
}

// Kinds is every way of misbehaving. Nobody changes it.
var Kinds = []Kind{
	{"never_read", func(h *Clients) *int { return &h.NeverRead }, neverRead, true, true},
	{"slow_read", func(h *Clients) *int { return &h.SlowRead }, slowRead, true, false},
	{"slow_drip", func(h *Clients) *int { return &h.SlowDrip }, slowDrip, false, true},
	{"half_request", func(h *Clients) *int { return &h.HalfRequest }, halfRequest, false, true},
	{"half_close", func(h *Clients) *int { return &h.HalfClose }, halfClose, true, true},
	{"garbage", func(h *Clients) *int { return &h.Garbage }, garbage, false, true},
	{"oversize", func(h *Clients) *int { return &h.Oversize }, oversize, true, true},
	{"duplicate", func(h *Clients) *int { return &h.Duplicate }, duplicate, true, true},
	{"reset", func(h *Clients) *int { return &h.Reset }, reset, true, false},
	{"vanish", func(h *Clients) *int { return &h.Vanish }, vanish, false, false},
}

// Total is how many hostile clients there are.
func (h Clients) Total() (sum int) {
	for _, k := range Kinds {
		sum += *k.Count(&h)
	}
	return sum
}

// Share is one worker's part of the whole.
func (h Clients) Share(worker, workers int) Clients {
	for _, k := range Kinds {
		n := k.Count(&h)
		*n = *n*(worker+1)/workers - *n*worker/workers
	}
	return h
}

// Counts is what became of misbehaving clients.
type Counts struct {
	Opened         uint64 `json:"opened"`
	ClosedByServer uint64 `json:"closed_by_server"`
	Refused        uint64 `json:"refused"`
	Failed         uint64 `json:"failed"`
	Vanished       uint64 `json:"vanished"`
	// Ended is how connections ended, by kind and then by what the server said last ("HTTP 408", "error: ...",
	// "answered") or, where it said nothing, by how the connection ended (see EndReason); stillOpen counts those that
	// did not.
	Ended map[string]map[string]uint64 `json:"ended,omitempty"`
}

// Endings that are no EndReason.
const (
	stillOpen = "open at the end"
	answered  = "answered"
)

// Add adds what another worker has counted.
func (h *Counts) Add(o Counts) {
	table.Add(h, &o)
	for kind, endings := range o.Ended {
		for ending, n := range endings {
			h.countEnding(kind, ending, n)
		}
	}
}

// countEnding counts connections of a kind that ended in one way.
func (h *Counts) countEnding(kind, ending string, n uint64) {
	if n == 0 {
		return
	}
	if h.Ended == nil {
		h.Ended = map[string]map[string]uint64{}
	}
	if h.Ended[kind] == nil {
		h.Ended[kind] = map[string]uint64{}
	}
	if _, known := h.Ended[kind][ending]; !known && len(h.Ended[kind]) >= client.MaxNames {
		ending = "more" // the server chooses some of the words, and not how many there are
	}
	h.Ended[kind][ending] += n
}

// EndedByServer is how many connections of a kind the server ended or answered to their end.
func (h *Counts) EndedByServer(kind string) (sum uint64) {
	for ending, n := range h.Ended[kind] {
		if ending != stillOpen && ending != client.EndHungUp.String() && ending != client.EndConnectFailed.String() {
			sum += n
		}
	}
	return sum
}

// AddFleet adds the clients that never read, which are a fleet.
func (h *Counts) AddFleet(c *client.Counters) {
	const kind = "never_read"
	h.Opened += c.Opened
	h.ClosedByServer += c.EndedByServer()
	h.Refused += c.Ended[client.EndRefused]
	h.Failed += c.Ended[client.EndConnectFailed]
	for why, n := range c.Ended {
		h.countEnding(kind, client.EndReason(why).String(), n)
	}
	h.countEnding(kind, stillOpen, c.Open)
}

// Group is the hostile clients that a loop of their own turns around: they do something every turnInterval and nothing
// in between, so no epoll set is needed.
type Group struct {
	to   unix.Sockaddr
	opts *wire.Options
	wire wire.Format
	msgs wire.Messages
	stop chan struct{}
	done chan struct{}

	mu      sync.Mutex
	counts  Counts
	clients []*hostileClient

	// the goroutine's own
	judge wire.Judge
	in    []byte
}

const (
	turnInterval = 100 * time.Millisecond
	// restTurns is how many turns a client pauses after its end, so that what ends at once does not become a storm.
	restTurns = 10
)

// Start lets the hostile clients loose; close ends them.
func Start(o *wire.Options, h Clients) (*Group, error) {
	to, err := socket.Address(o.Network, o.Address)
	if err != nil {
		return nil, err
	}
	msgs, err := wire.NewMessages(o)
	if err != nil {
		return nil, err
	}
	c := &Group{to: to, opts: o, wire: wire.NewFormat(o), msgs: msgs, judge: wire.NewJudge(), in: make([]byte, readBytes),
		stop: make(chan struct{}), done: make(chan struct{})}
	for i := range Kinds {
		k := &Kinds[i]
		if k.behaviour == neverRead {
			continue // a fleet of the driver's
		}
		for range *k.Count(&h) {
			c.clients = append(c.clients, &hostileClient{kind: k, fd: -1})
		}
	}
	go c.run()
	return c, nil
}

// Counts returns what became of the clients so far. Any goroutine; the caller owns the result.
func (c *Group) Counts() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	counted := c.counts
	counted.Ended = make(map[string]map[string]uint64, len(c.counts.Ended))
	for kind, endings := range c.counts.Ended {
		counted.Ended[kind] = maps.Clone(endings)
	}
	for _, v := range c.clients {
		if v.fd >= 0 {
			counted.countEnding(v.kind.Name, stillOpen, 1)
		}
	}
	return counted
}

// Close hangs up every client and waits for the goroutine to end.
func (c *Group) Close() {
	close(c.stop)
	<-c.done
}

func (c *Group) run() {
	defer close(c.done)
	turn := time.NewTicker(turnInterval)
	defer turn.Stop()
	for {
		for _, v := range c.clients {
			c.mu.Lock()
			c.step(v)
			c.mu.Unlock()
		}
		select {
		case <-turn.C:
		case <-c.stop:
			for _, v := range c.clients {
				if v.fd >= 0 {
					socket.Reset(v.fd)
				}
			}
			return
		}
	}
}
