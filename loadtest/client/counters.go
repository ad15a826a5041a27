package client

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"weir/loadtest/table"
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
	return [endReasons]string{"hung_up", "connect_failed", "refused", "peer_closed", "peer_reset", "bad_answer",
		"retired"}[r]
}

// MaxNames bounds the reasons and failures that are told apart in one fleet; what is beyond them is counted as "more".
const MaxNames = 64

// Outcomes is where calls and connections ended. Counters and reports hold it, so that a counter has one name, one
// unit and one sentence: the tags of its field are its row in the table of counters (see package table), and sums,
// differences, the JSON of reports, their text and their page follow from them.
type Outcomes struct {
	Planned    uint64 `json:"planned" unit:"calls" help:"an open load should have sent by now; the rest found no room"`
	Sent       uint64 `json:"sent" unit:"calls" help:"handed to the kernel, without what opened the connections"`
	Results    uint64 `json:"results" unit:"calls" ended:"answered" help:"answered with a result"`
	ToolErrors uint64 `json:"tool_errors" unit:"calls" ended:"answered" help:"answered with a result that has isError"`
	Errors     uint64 `json:"errors" unit:"calls" ended:"answered" help:"answered with an error that is no refusal"`
	Refused    uint64 `json:"refused" unit:"calls" ended:"refused" help:"refused with a named reason, or HTTP 503 or 429"`
	Cancelled  uint64 `json:"cancelled" unit:"calls" ended:"cancelled" help:"taken back, or in flight at an early end"`
	Lost       uint64 `json:"lost" unit:"calls" ended:"failed" help:"their connection ended first"`
	Resent     uint64 `json:"resent" unit:"calls" help:"of the sent, sent again: the server closed before it took them"`
	Bad        uint64 `json:"bad" unit:"answers" help:"to no call, unreadable, or with ids that do not add up"`

	Reasons map[string]uint64 `json:"reasons,omitempty" unit:"calls" help:"refusals and errors, by what the server said"`

	// LostReasons says of each lost call what became of its connection.
	LostReasons map[string]uint64 `json:"lost_reasons,omitempty" unit:"calls" help:"lost, by what ended their connection"`

	Opened      uint64 `json:"opened" unit:"connections" help:"opened, ever"`
	Reconnected uint64 `json:"reconnected" unit:"connections" help:"made again behind their session, which goes on"`
	Unended     uint64 `json:"unended" unit:"answers" help:"whose event stream went on, so that the connection was left"`

	TurnedAwayReasons map[string]uint64 `json:"turned_away_reasons,omitempty" unit:"connections" help:"refused, by reason"`

	Failures map[string]uint64 `json:"failures,omitempty" unit:"connections" help:"not made, or ended as bad"`
}

// Counters is what a fleet has seen since it was made. At any moment Sent = Results + ToolErrors + Errors + Refused +
// Cancelled + Lost + InFlight, and a run is clean when Lost, Bad and Crossed are zero. What is tagged level is true of
// the moment; the others only grow.
type Counters struct {
	Outcomes

	InFlight uint64 `unit:"calls" merge:"level" help:"sent and not ended yet"`
	Raced    uint64 `unit:"calls" help:"cancelled, and answered all the same: the answer was on its way"`
	Crossed  uint64 `unit:"answers" help:"with OneID: to another connection's call, to none, or to one answered before"`
	Notices  uint64 `unit:"messages" help:"the server's own"`
	Events   uint64 `unit:"events" help:"that arrived on event streams"`
	Heard    uint64 `unit:"streams" merge:"level" help:"on which something arrived since Fleet.Expect"`

	BytesSent     uint64 `unit:"bytes" help:"handed to the kernel"`
	BytesReceived uint64 `unit:"bytes" help:"taken from the kernel"`

	Open     uint64             `unit:"connections" merge:"level" help:"open now"`
	Served   uint64             `unit:"connections" merge:"level" help:"open now, and had a result of a call"`
	Ended    [endReasons]uint64 `unit:"connections" help:"ended, by EndReason"`
	Unopened [endReasons]uint64 `unit:"connections" help:"of the ended, those that were never open"`

	// Latency of answered calls that were not refused, in microseconds: from the plan when the load is open, else from the
	// write. With a window above 1 and a closed loop it is a sample, the last call of a write.
	Latency *hdrhistogram.Histogram `json:"-"`
	// Refusal is the same for refused calls.
	Refusal *hdrhistogram.Histogram `json:"-"`
	// Service is Latency from the write, where the load is open: a sample, one call of a connection at a time. With
	// Options.Exact it is of every call, up to the arrival of the answer in the kernel: the server's part of Latency.
	Service *hdrhistogram.Histogram `json:"-"`
	// Told is the same of refused calls, with Options.Exact: the server's part of Refusal.
	Told *hdrhistogram.Histogram `json:"-"`
	// Late is by how much the generator itself missed its plan, in microseconds: calls that wait because the server leaves
	// no room do not count here, calls that left late because the generator was busy do.
	Late *hdrhistogram.Histogram `json:"-"`
	// Opening is how long connections took from their connect to open, in microseconds.
	Opening *hdrhistogram.Histogram `json:"-"`
	// Hearing is how long after Fleet.Expect each stream heard of something, in microseconds.
	Hearing *hdrhistogram.Histogram `json:"-"`
}

// NewCounters returns counters that have seen nothing.
func NewCounters() Counters {
	var c Counters
	table.MakeEmpty(&c)
	return c
}

// Record puts a duration into one of the histograms; what is beyond ten minutes counts as ten minutes.
func Record(h *hdrhistogram.Histogram, d time.Duration) {
	_ = h.RecordValue(max(0, min(d.Microseconds(), table.MostMicros))) // in range, so it cannot fail
}

// count counts a name that the server chose, without letting it choose how much memory that takes.
func count(m map[string]uint64, name []byte) { countMore(m, name, 1) }

func countMore(m map[string]uint64, name []byte, n int) {
	name = name[:min(len(name), 200)]
	if _, known := m[string(name)]; !known && len(m) >= MaxNames {
		name = []byte("more")
	}
	m[string(name)] += uint64(n)
}

// Answered is how many calls ended with an answer of whatever kind.
func (c *Counters) Answered() uint64 { return c.Results + c.ToolErrors + c.Errors + c.Refused }

// Check returns an error when the counts do not add up: an answer that was bad, a connection that ended with calls in
// flight, or a call that is neither answered, cancelled nor in flight.
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

// EndedByServer is how many connections the server closed or reset.
func (c *Counters) EndedByServer() uint64 { return c.Ended[EndPeerClosed] + c.Ended[EndPeerReset] }

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
	parts := []string{strings.TrimSpace(c.endings()), ListCounts(c.TurnedAwayReasons), ListCounts(c.Failures)}
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

// Histograms are all of the counters', in the order of their fields, in which workers report them too.
func (c *Counters) Histograms() []*hdrhistogram.Histogram {
	var all []*hdrhistogram.Histogram
	table.Walk(reflect.ValueOf(c).Elem(), func(_ reflect.StructField, value reflect.Value) {
		if h, ok := value.Interface().(*hdrhistogram.Histogram); ok {
			all = append(all, h)
		}
	})
	return all
}
