package pressure

import "time"

// Level is how short the process is of something. Each has what those below it have.
type Level uint8

const (
	None              Level = iota
	ShortenIdle             // idle deadlines are a quarter
	CloseAfterAnswer        // HTTP connections end with their next answer
	RefuseCalls             // calls are refused
	RefuseConnections       // newcomers are refused; the largest buffers are dropped if memory is short
	levels
)

var levelNames = [levels]string{"none", "shorten_idle", "close_after_answer", "refuse_calls", "refuse_connections"}

func (l Level) String() string { return levelNames[l] }

// Reading is what the process has, and how much of it there is; a limit of 0 is none.
type Reading struct {
	// HeapBytes is what the collector cannot give back, of its limit; ResidentBytes what the process has resident without
	// garbage, of what it may have before it is ended.
	HeapBytes, HeapLimitBytes         int64
	ResidentBytes, ResidentLimitBytes int64
	// Files are open descriptors, Connections how many of them are clients'.
	Files, Connections, FileLimit int
	// Latency is how long a goroutine waits for a processor, QueueAge a message for a worker, in bad cases of late.
	Latency, QueueAge time.Duration
}

// State is the level and what it comes from, each as a part of what there is.
type State struct {
	Level       Level
	Memory      float64
	Descriptors float64
	Scheduling  float64
	Queue       float64
}

// ShortOfMemory says whether it is memory for which newcomers are refused.
func (s *State) ShortOfMemory() bool {
	return s.Level == RefuseConnections && s.Memory >= s.Descriptors
}

// Gauge remembers the level between readings. One goroutine at a time.
type Gauge struct {
	above [levels]float64
	o     Options
	level Level
}

// New makes a Gauge at level None; o is valid.
func New(o Options) *Gauge {
	return &Gauge{o: o, above: [levels]float64{ShortenIdle: o.ShortenIdleAbove, CloseAfterAnswer: o.CloseAbove,
		RefuseCalls: o.RefuseCallsAbove, RefuseConnections: o.RefuseConnectionsAbove}}
}

// Observe takes a reading and returns the level that it leads to.
func (g *Gauge) Observe(r Reading) State {
	s := State{
		Memory: max(part(float64(r.HeapBytes), float64(r.HeapLimitBytes)),
			part(float64(r.ResidentBytes), float64(r.ResidentLimitBytes))),
		// Of the descriptors that connections leave: how many of those there may be is max_connections' matter.
		Descriptors: part(float64(r.Files-r.Connections), float64(max(1, r.FileLimit-r.Connections))),
		Scheduling:  part(float64(r.Latency), float64(g.o.MaxSchedulingLatency)),
		Queue:       part(float64(r.QueueAge), float64(g.o.MaxQueueAge)),
	}
	hard, soft := max(s.Memory, s.Descriptors), max(s.Scheduling, s.Queue)
	reached := func(l Level, margin float64) bool {
		above := g.above[l]
		if above == 0 {
			return false
		}
		return hard > above-margin || l <= CloseAfterAnswer && soft > above-margin
	}
	for l := levels - 1; l > g.level; l-- {
		if reached(l, 0) {
			g.level = l
		}
	}
	if g.level > None && !reached(g.level, g.o.Margin) {
		g.level--
		for g.level > None && g.above[g.level] == 0 {
			g.level--
		}
	}
	s.Level = g.level
	return s
}

func part(has, of float64) float64 {
	if of <= 0 {
		return 0
	}
	return max(0, has/of)
}
