package client

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// EndReason says why a connection ended.
type EndReason uint8

const (
	// EndHungUp: the fleet was closed.
	EndHungUp EndReason = iota
	// EndConnectFailed: the connection was never made (Counters.Failures has the error).
	EndConnectFailed
	// EndRefused: the server said that it was full (Counters.Turned has its reason).
	EndRefused
	// EndPeerClosed: the server closed in order.
	EndPeerClosed
	// EndPeerReset: the server reset the connection.
	EndPeerReset
	// EndBadAnswer: something arrived that no client can make sense of (Counters.Failures has it).
	EndBadAnswer
	// EndRetired: we did not need it any more.
	EndRetired
	endReasons
)

// String returns the reason's name as it stands in reports.
func (r EndReason) String() string {
	return [endReasons]string{"hung_up", "connect_failed", "refused", "peer_closed", "peer_reset", "bad_answer", "retired"}[r]
}

// MaxNames bounds the reasons and failures that are told apart in one fleet; what is beyond them is counted as "more".
const MaxNames = 64

// Counters is what a fleet has seen since it was made. At any moment
// Sent = Results + ToolErrors + Errors + Refused + Cancelled + Lost + InFlight, and a run is clean when Lost, Bad and Crossed
// are zero.
type Counters struct {
	Planned    uint64 // calls that an open load should have sent by now; what Sent lacks of it waits for room in the window or socket
	Sent       uint64 // calls handed to the kernel, not counting what opened the connections
	Results    uint64
	ToolErrors uint64 // results with isError
	Errors     uint64 // JSON-RPC errors that are no refusals
	Refused    uint64 // refusals with a named reason
	Cancelled  uint64 // calls that we took back before they were answered
	Raced      uint64 // of these, the ones that were answered all the same: the answer was on its way
	Lost       uint64 // calls whose connection ended first
	InFlight   uint64
	Bad        uint64 // answers to nothing, unreadable answers, ids that do not add up
	Crossed    uint64 // with OneID: answers that belong to another connection's call, to none, or to one answered before
	Notices    uint64 // the server's own messages
	Events     uint64 // that arrived on event streams
	Heard      uint64 // open streams on which something arrived since Fleet.Expect

	BytesSent, BytesReceived uint64

	Opened uint64 // connections that were opened, ever
	Open   uint64 // connections that are open now
	Served uint64 // of the open ones, those that have had a result of a call
	Ended  [endReasons]uint64
	// Unopened are those of Ended that were never open.
	Unopened [endReasons]uint64

	Reasons    map[string]uint64 // of refused calls and of errors
	TurnedAway map[string]uint64 // of refused connections
	Failures   map[string]uint64 // why connections failed or were bad

	// Latency of answered calls that were not refused, in microseconds: from the plan when the load is open, else from the
	// write. With a window above 1 and a closed loop it is a sample, the last call of a write.
	Latency *hdrhistogram.Histogram `json:"-"`
	// Refusal is the same for refused calls.
	Refusal *hdrhistogram.Histogram `json:"-"`
	// Service is the latency from the write, where the load is open: a sample, one call of a connection at a time.
	Service *hdrhistogram.Histogram `json:"-"`
	// Late is by how much the generator itself missed its plan, in microseconds: calls that wait because the server leaves
	// no room do not count here, calls that left late because the generator was busy do.
	Late *hdrhistogram.Histogram `json:"-"`
	// Opening is how long connections took from their connect to open, in microseconds.
	Opening *hdrhistogram.Histogram `json:"-"`
	// Hearing is how long after Fleet.Expect each stream heard of something, in microseconds.
	Hearing *hdrhistogram.Histogram `json:"-"`
}

const (
	minuteMicros = 60_000_000
	histDigits   = 3
)

// NewCounters returns counters that have seen nothing.
func NewCounters() Counters {
	return Counters{
		Reasons: map[string]uint64{}, TurnedAway: map[string]uint64{}, Failures: map[string]uint64{},
		Latency: newHistogram(), Refusal: newHistogram(), Service: newHistogram(), Late: newHistogram(), Opening: newHistogram(),
		Hearing: newHistogram(),
	}
}

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, 10*minuteMicros, histDigits) }

// Histograms are all of c's, in the order in which workers report them.
func (c *Counters) Histograms() [6]*hdrhistogram.Histogram {
	return [6]*hdrhistogram.Histogram{c.Latency, c.Refusal, c.Service, c.Late, c.Opening, c.Hearing}
}

// Record puts a duration into one of the histograms; what is beyond ten minutes counts as ten minutes.
func Record(h *hdrhistogram.Histogram, d time.Duration) {
	_ = h.RecordValue(max(0, min(d.Microseconds(), 10*minuteMicros))) // in range, so it cannot fail
}

// count counts a name that the server chose, without letting it choose how much memory that takes.
func count(m map[string]uint64, name []byte) {
	if n, ok := m[string(name)]; ok {
		m[string(name)] = n + 1
		return
	}
	if len(m) >= MaxNames {
		m["more"]++
		return
	}
	m[string(name[:min(len(name), 200)])]++
}

// Add merges another loop's counters into c.
func (c *Counters) Add(o *Counters) {
	c.Planned += o.Planned
	c.Sent += o.Sent
	c.Results += o.Results
	c.ToolErrors += o.ToolErrors
	c.Errors += o.Errors
	c.Refused += o.Refused
	c.Cancelled += o.Cancelled
	c.Raced += o.Raced
	c.Lost += o.Lost
	c.InFlight += o.InFlight
	c.Bad += o.Bad
	c.Crossed += o.Crossed
	c.Notices += o.Notices
	c.Events += o.Events
	c.Heard += o.Heard
	c.BytesSent += o.BytesSent
	c.BytesReceived += o.BytesReceived
	c.Opened += o.Opened
	c.Open += o.Open
	c.Served += o.Served
	for i, n := range o.Ended {
		c.Ended[i] += n
		c.Unopened[i] += o.Unopened[i]
	}
	for _, m := range [][2]map[string]uint64{{c.Reasons, o.Reasons}, {c.TurnedAway, o.TurnedAway}, {c.Failures, o.Failures}} {
		for name, n := range m[1] {
			m[0][name] += n
		}
	}
	from := o.Histograms()
	for i, h := range c.Histograms() {
		if from[i].TotalCount() > 0 { // a merge walks every bucket
			h.Merge(from[i])
		}
	}
}

// Answered is how many calls ended with an answer of whatever kind.
func (c *Counters) Answered() uint64 { return c.Results + c.ToolErrors + c.Errors + c.Refused }

// Check returns an error when the counts do not add up: an answer that was bad, a connection that ended with calls in flight,
// or a call that is neither answered, cancelled nor in flight.
func (c *Counters) Check() error {
	if c.Bad > 0 || c.Ended[EndBadAnswer] > 0 {
		return fmt.Errorf("%d bad answers: %v", c.Bad, maps.Collect(maps.All(c.Failures)))
	}
	if c.Lost > 0 {
		return fmt.Errorf("%d calls were lost with their connections (%s)", c.Lost, c.endings())
	}
	if c.Crossed > 0 {
		return fmt.Errorf("%d crossed answers: %v", c.Crossed, maps.Collect(maps.All(c.Failures)))
	}
	if sum := c.Answered() + c.Cancelled + c.InFlight; c.Sent != sum {
		return fmt.Errorf("sent %d calls, but %d are answered, cancelled or in flight", c.Sent, sum)
	}
	return nil
}

// FailedToOpen is how many connections never opened although nobody refused them by name.
func (c *Counters) FailedToOpen() (sum uint64) {
	for why, n := range c.Unopened {
		if EndReason(why) != EndRefused && EndReason(why) != EndHungUp {
			sum += n
		}
	}
	return sum
}

// Troubles is how connections ended, with what refused them or made them fail.
func (c *Counters) Troubles() string {
	parts := []string{strings.TrimSpace(c.endings()), ListCounts(c.TurnedAway), ListCounts(c.Failures)}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "; ")
}

func (c *Counters) endings() string {
	s := ""
	for r, n := range c.Ended {
		if n > 0 {
			s += fmt.Sprintf(" %s %d", EndReason(r), n)
		}
	}
	return s
}

// ListCounts writes counts by name on one line, in the order of the names.
func ListCounts(m map[string]uint64) string {
	var s []string
	for _, name := range sortedNames(m) {
		s = append(s, fmt.Sprintf("%s: %d", name, m[name]))
	}
	return strings.Join(s, ", ")
}

func sortedNames(m map[string]uint64) []string { return slices.Sorted(maps.Keys(m)) }

// Difference is what happened between two samples. Histograms hold that already.
func Difference(now, before *Counters) Counters {
	d := *now
	d.Planned -= before.Planned
	d.Sent -= before.Sent
	d.Results -= before.Results
	d.ToolErrors -= before.ToolErrors
	d.Errors -= before.Errors
	d.Refused -= before.Refused
	d.Cancelled -= before.Cancelled
	d.Raced -= before.Raced
	d.Lost -= before.Lost
	d.Bad -= before.Bad
	d.Crossed -= before.Crossed
	d.Notices -= before.Notices
	d.Events -= before.Events
	d.BytesSent -= before.BytesSent
	d.BytesReceived -= before.BytesReceived
	d.Opened -= before.Opened
	d.InFlight, d.Open, d.Served = 0, 0, 0
	for i := range d.Ended {
		d.Ended[i] -= before.Ended[i]
		d.Unopened[i] -= before.Unopened[i]
	}
	for _, m := range []struct{ now, before *map[string]uint64 }{
		{&d.Reasons, &before.Reasons}, {&d.TurnedAway, &before.TurnedAway}, {&d.Failures, &before.Failures},
	} {
		*m.now = maps.Clone(*m.now)
		for name, n := range *m.before {
			if (*m.now)[name] -= n; (*m.now)[name] == 0 {
				delete(*m.now, name)
			}
		}
	}
	return d
}
