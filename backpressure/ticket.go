package backpressure

import (
	"math"
	"time"
)

// Class is what a message costs, and with that, which pool runs it.
type Class uint8

const (
	// Compute work only needs a core. It must not block: its pool has a few goroutines per core.
	Compute Class = iota
	// Blocking work waits for something else (a socket, a disk, a timer). Every running message has a
	// goroutine of its own, up to Options.MaxBlockingWorkers.
	Blocking

	classes = 2
)

// String returns the class as it stands in metric labels.
func (c Class) String() string {
	if c == Blocking {
		return "blocking"
	}
	return "compute"
}

// Ticket is a message's place in the queue. It is embedded in the caller's own struct, so that queueing
// allocates nothing.
//
// Ownership: between Admit and Run (or drop) the ticket belongs to the queue. From the start of Run (or of
// drop) it belongs to the caller again, who may reuse it at once, even before Run returns: the queue does
// not look at it any more. Whoever walks a batch therefore calls Next before letting go of a ticket.
type Ticket struct {
	// Job is the struct that the ticket is embedded in. Set once by the caller, never touched here.
	Job any

	// Work is what kind of work the message is; nil: of one that costs nothing. Set before Admit.
	Work *Work

	next  *Ticket
	since int64 // while waiting: Now at admission. From take on: how long it waited, in nanoseconds.
	bytes uint32
	cost  uint32 // when it was admitted

	// listed is when its lane became runnable, with it as the oldest message, while a worker of class Compute slept, in
	// milliseconds; 0: none did.
	listed uint32

	overhead uint16 // in overheadUnit

	// Refused is Accepted, or QueueTimeout or Overload when the message waited too long: Run must then answer
	// with that refusal instead of doing the work. Valid in Run, and after Expire.
	Refused Refusal

	waiting bool // linked in a lane; catches a ticket that is admitted twice
}

// overheadUnit is what overheads are counted in: up to 4 MiB.
const overheadUnit = 64

// SetOverhead says how many bytes the Job keeps in memory beside the message that Admit is told of, rounded up. They
// count towards Options.MaxQueueBytes and not towards the connection's own cap, which is about what a peer sent. Before
// Admit.
func (t *Ticket) SetOverhead(bytes int) {
	t.overhead = uint16(min((bytes+overheadUnit-1)/overheadUnit, math.MaxUint16))
}

// held is the overhead in bytes.
func (t *Ticket) held() int64 { return int64(t.overhead) * overheadUnit }

// Next returns the ticket after t in its batch, nil at the end.
func (t *Ticket) Next() *Ticket { return t.next }

// Wait returns how long the message stood in the queue. Valid in Run.
func (t *Ticket) Wait() time.Duration { return time.Duration(t.since) }

// epoch is what Now counts from; a monotonic difference is cheaper to keep than a time.Time.
var epoch = time.Now()

// Now returns the package's clock in nanoseconds: monotonic, with an origin of no meaning. A loop reads it
// once per read event and passes it to Admit for every message of that event.
func Now() int64 { return int64(time.Since(epoch)) }
