package reactor

import (
	"weir/backpressure"
	"weir/reactor/mount"
)

// Status is a server at one moment. What has a history is a metric.
type Status struct {
	Refusing        string            // why newcomers are turned away, in the word of the refusals; "": they are not
	Listeners       map[string]string // the bound address of each: http, tcp, unix
	LoopConnections []int64           // how many connections each loop has
	LoopTurns       []uint64          // how often each loop has turned: one that stands still turns no more
	Sessions        int               // of HTTP
	Workers         int               // goroutines for what only computes

	Connections, SoftConnections, MaxConnections int

	WaitingMessages, MaxWaitingMessages int // in the queue
	QueueBytes, MaxQueueBytes           int // of what waits or runs
	ExecutingCompute, ExecutingBlocking int // handlers that run, by class

	// CallsFill is how full the queue to the workers is, 0 to 1; 0 if this is no front end.
	CallsFill float64

	// Mounts are in the order of their names.
	Mounts []mount.Status

	// Waits are how many batches of messages of class compute waited how long; backpressure.WaitBounds has the buckets.
	Waits []uint64
}

// Status says how the server does. It changes nothing, and costs nothing that traffic would notice. Any goroutine,
// after Listen.
func (s *Server) Status() Status {
	loops, turns := make([]int64, s.loops.Len()), make([]uint64, s.loops.Len())
	for id := range loops {
		loops[id], turns[id] = s.loops.Loop(id).Connections(), s.loops.Loop(id).Turns()
	}
	refusing := ""
	if s.pipeline.Leaving() {
		refusing = backpressure.Draining.String()
	} else if refusal := s.limits.Refusing(); refusal != backpressure.Accepted {
		refusing = refusal.String()
	}
	bounds := s.limits.Bounds.Load()
	return Status{
		Refusing:           refusing,
		Listeners:          s.Addrs(),
		LoopConnections:    loops,
		LoopTurns:          turns,
		Sessions:           s.engine.Sessions(),
		Workers:            s.bounds.Workers,
		Connections:        s.limits.Connections(),
		SoftConnections:    bounds.SoftConnections,
		MaxConnections:     bounds.MaxConnections,
		WaitingMessages:    s.queue.Waiting(),
		MaxWaitingMessages: s.bounds.MaxWaiting,
		QueueBytes:         s.queue.HeldBytes(),
		MaxQueueBytes:      s.bounds.MaxQueueBytes,
		ExecutingCompute:   s.queue.Executing(backpressure.Compute),
		ExecutingBlocking:  s.queue.Executing(backpressure.Blocking),
		CallsFill:          s.front.Fill(),
		Mounts:             s.mounts.Status(),
		Waits:              s.queue.Waits(),
	}
}
