package backpressure

import (
	"math/rand/v2"
	"time"
)

// Refusal says why something was not taken. The same word is the log field, the metric label and the
// "reason" that the peer is told. A constant without a row in refusalTable compiles: TestRefusalWords finds it.
type Refusal uint8

const (
	// Accepted is no refusal.
	Accepted Refusal = iota

	// Of messages, by Admit.

	ConnectionQueueFull  // MaxWaitingPerConnection messages of this connection wait already
	ConnectionQueueBytes // its waiting messages would exceed MaxWaitingBytesPerConnection
	QueueFull            // MaxWaiting messages wait in all
	QueueBytes           // all messages in the queue would exceed MaxQueueBytes
	QueueTimeout         // it waited longer than QueueTimeout; decided when a worker takes it, or by Expire
	ExpectedWait         // it could not start within MaxExpectedWait
	Overload             // it waited longer than OverloadQueueTimeout while all workers were busy; decided likewise
	Draining             // the server is stopping; also of connections
	ConnectionClosed     // its lane was closed before

	// Of connections, by Limits.Open.

	ConnectionLimit             // MaxConnections are open
	ConnectionLimitPerAddress   // MaxConnectionsPerAddress are open from this address
	QueuePressure               // the queue is above RefuseAbove and not yet below ReopenBelow
	AcceptRate                  // MaxAcceptRate connections were opened within the second
	ConnectionLimitPerPrincipal // MaxConnectionsPerPrincipal are open for this principal; by Limits.Join

	// Of messages, because of the process as a whole, by Shedding.

	EmergencyStop   // too many calls fail (weir/backpressure/alert), and this one is of the lowest class
	ProcessPressure // the process is short of memory or descriptors (weir/backpressure/pressure); also of connections
	HandoverLimit   // it belongs to the process that this one takes over from, and cannot get there; by the transport
	NodeSuspected   // it belongs to a node of the cluster that is not heard; by its forwarder (reactor/cluster/forward)
	ForwardLimit    // as many requests are forwarded between nodes as may be; likewise
	ForwardFull     // as much waits to leave for its node as may; likewise
	ToolLimit       // as many calls of this tool run as may at once; by its limiter (weir/registry/concurrency)

	// A reason that is decided outside this package stands here, in a group that names who decides.

	refusals = iota
)

// refusalTable has a row per refusal. Pressure is the least pressure that RetryAfter assumes: some reasons
// do not pass in a second even when the queue as a whole is empty. It is 0 where the queue's fill says all, or
// where a second is enough (a connection's own queue, a rate per second); 0.25 where the server has to recover
// or to be replaced first, 1 to 3 s by default; 0.5 where somebody else has to leave first, or where
// waiting did not help, 3 to 9 s.
var refusalTable = [refusals]struct {
	name     string
	pressure float64
}{
	Accepted:                    {"accepted", 0},
	ConnectionQueueFull:         {"connection_queue_full", 0},
	ConnectionQueueBytes:        {"connection_queue_bytes", 0},
	QueueFull:                   {"queue_full", 0},
	QueueBytes:                  {"queue_bytes", 0},
	QueueTimeout:                {"queue_timeout", 0.5},
	ExpectedWait:                {"expected_wait", 0.25},
	Overload:                    {"overload", 0.25},
	Draining:                    {"draining", 0.25},
	ConnectionClosed:            {"connection_closed", 0},
	ConnectionLimit:             {"connection_limit", 0.5},
	ConnectionLimitPerAddress:   {"connection_limit_per_address", 0.5},
	QueuePressure:               {"queue_pressure", 0},
	AcceptRate:                  {"accept_rate", 0},
	ConnectionLimitPerPrincipal: {"connection_limit_per_principal", 0.5},
	EmergencyStop:               {"emergency_stop", 0.5},
	ProcessPressure:             {"process_pressure", 0.25},
	ToolLimit:                   {"tool_limit", 0.25},
	HandoverLimit:               {"handover_limit", 0},
	NodeSuspected:               {"node_suspected", 0.25},
	ForwardLimit:                {"forward_limit", 0.25},
	ForwardFull:                 {"forward_full", 0},
}

// String returns the refusal's word, as in connection_queue_full.
func (r Refusal) String() string { return refusalTable[r].name }

// RetryAfter returns when the refused peer should try again. It grows with the square of the queue's fill
// and is spread by +-50 %, so that peers refused together do not come back together; the result stays
// within Options.MinRetryAfter and MaxRetryAfter. It allocates nothing and may be called concurrently.
func (q *Queue) RetryAfter(r Refusal) time.Duration {
	pressure := min(1, max(q.waiting.fill(), q.held.fill(), refusalTable[r].pressure))
	// The middle of the spread: half of the lowest is the minimum, one and a half of the highest the maximum.
	lowest := 2 * float64(q.options.MinRetryAfter)
	highest := float64(q.options.MaxRetryAfter) / 1.5
	middle := lowest + (highest-lowest)*pressure*pressure
	return time.Duration(middle * (0.5 + rand.Float64()))
}

// CountRefusal counts one refusal. Admit, Open and the age limit only decide; whoever answers the peer
// counts, once, because a caller may also hold a message back instead of refusing it.
func (q *Queue) CountRefusal(r Refusal) { q.metrics.refusals[r].Inc() }
