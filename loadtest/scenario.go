package loadtest

import (
	"slices"
	"time"

	"weir/loadtest/client"
	"weir/loadtest/hostile"
)

// Scenario is one written question, the load that asks it, and the marks that its answer is held to. It is data: the
// built-in ones are YAML files beside this one, a user's own are read by the same code.
type Scenario struct {
	Name     string
	Question string
	// Needs is something that not every server has ("streams"); without it the scenario is skipped with a sentence.
	Needs string
	// Tool is called when the server lists it, with Arguments (a JSON object); otherwise what the probe finds.
	Tool      string
	Arguments string
	// Window is how many calls a connection may have in flight; 0: the transport's own (1 over HTTP, 1,000 elsewhere).
	Window int
	// PadBytes of filler travel in the _meta of each call.
	PadBytes int
	// Closed makes each connection call as fast as answers allow, Window at a time; rates must then be absent.
	Closed bool
	// MaxConnecting bounds connections being opened at the same time; 0: all at once. -1: not set (256).
	MaxConnecting int
	// OpenFirst has the first phase's connections opened before the clock starts, however long that takes.
	OpenFirst bool
	// Capacity, when set, is measured before the first phase; phases may then say their rate in multiples of it.
	Capacity *Calibration
	Phases   []Phase
	Hostile  hostile.Clients
	Marks    Marks
}

// Calibration is a closed loop that finds out how many calls per second the server answers.
type Calibration struct {
	Connections int
	Window      int
	Duration    time.Duration
}

// Phase is a stretch of time in which connections and rate move in straight lines.
type Phase struct {
	Name        string
	Duration    time.Duration
	Connections Ramp
	Rate        Ramp    // calls per second of each connection
	TotalRate   float64 // calls per second of all connections together, instead of Rate
	Capacity    float64 // the same in multiples of the measured capacity
	Streams     int     // event streams held open meanwhile: sessions' GETs, or listens in the modern era
	// Judged phases count for the marks.
	Judged bool
	// Overload phases are beyond what the server can do: refusals are its right there. Latency is that of the accepted.
	Overload bool
	// Recovery phases follow an overload: the mark of that name counts from their beginning.
	Recovery bool
}

// Ramp is a value that moves from one figure to another.
type Ramp struct{ From, To float64 }

// Marks are the bounds that the answer is held to. One that is nil is not judged.
type Marks struct {
	P95            *time.Duration // of answered calls, counted from the plan
	P99            *time.Duration
	ErrorRate      *float64 // errors, tool errors, lost and bad answers, of what was sent
	RefusalRate    *float64 // refusals of what was sent, outside overload phases
	ConnectSuccess *float64 // opened of opened, failed and refused connections
	// connections that were open together and had each had a result of a call, of the most that the scenario holds
	Served *float64
	// event streams that were open at the end and none of which the server ended, of the most that the scenario holds
	Streams       *float64
	Goodput       *float64 // answered per second in overload phases, of the measured capacity
	MemoryBytes   *int64   // the server's resident memory, at most
	MemoryGrowth  *float64 // resident memory of the last tenth of the run over that of the first tenth, minus 1
	QueueMessages *int64   // waiting in the server's queue, at most
	Recovery      *time.Duration
	Lost          *int64 // calls whose connection ended first
	// of the kinds of hostile clients that are the server's to end, the share of which it has ended as many as there are
	HostileEnded *float64
	Unexplained  *int64 // sent, and neither answered, refused, cancelled nor failed
}

// Bounds of a scenario; beyond them something else was meant.
const (
	maxPhases         = 100
	maxPhaseDuration  = 7 * 24 * time.Hour
	minPhaseDuration  = 100 * time.Millisecond
	maxConnections    = 10_000_000
	maxRate           = 1_000_000
	maxWindow         = 1 << 20
	maxHostile        = 10_000
	maxScenarioBytes  = 1 << 20
	defaultWindow     = 1000
	defaultConnecting = 256
)

// Length is how long all phases take.
func (s *Scenario) Length() time.Duration {
	var sum time.Duration
	for i := range s.Phases {
		sum += s.Phases[i].Duration
	}
	return sum
}

// Peak is the most connections that any phase holds, and the highest rate of all of them together in calls per second.
// Rates in multiples of a capacity that was not measured yet count as nothing.
func (s *Scenario) Peak() (connections int, perSecond float64) {
	for i := range s.Phases {
		p := &s.Phases[i]
		connections = max(connections, int(max(p.Connections.From, p.Connections.To)))
		perSecond = max(perSecond, p.Connections.From*p.Rate.From, p.Connections.To*p.Rate.To, p.TotalRate)
	}
	return connections, perSecond
}

// Scaled returns a copy whose durations are multiplied by scale. Rates and connections stay.
func (s *Scenario) Scaled(scale float64) *Scenario {
	c := *s
	c.Phases = slices.Clone(s.Phases)
	for i := range c.Phases {
		c.Phases[i].Duration = max(minPhaseDuration, time.Duration(float64(c.Phases[i].Duration)*scale))
	}
	if s.Capacity != nil {
		capacity := *s.Capacity
		capacity.Duration = max(minPhaseDuration, time.Duration(float64(capacity.Duration)*scale))
		c.Capacity = &capacity
	}
	return &c
}

// Sized returns a copy with its peak number of connections, its peak rate per connection, or both, set: all phases
// change in proportion. 0 leaves as it is.
func (s *Scenario) Sized(connections int, rate float64) *Scenario {
	c := *s
	c.Phases = slices.Clone(s.Phases)
	most, peakRate := 0.0, 0.0
	for i := range c.Phases {
		p := &c.Phases[i]
		most = max(most, p.Connections.From, p.Connections.To)
		peakRate = max(peakRate, p.Rate.From, p.Rate.To)
		if n := max(p.Connections.From, p.Connections.To); p.TotalRate > 0 && n > 0 {
			peakRate = max(peakRate, p.TotalRate/n)
		}
	}
	for i := range c.Phases {
		p := &c.Phases[i]
		if connections > 0 && most > 0 {
			factor := float64(connections) / most
			p.Connections = Ramp{p.Connections.From * factor, p.Connections.To * factor}
			p.TotalRate *= factor
		}
		if rate > 0 && peakRate > 0 {
			factor := rate / peakRate
			p.Rate = Ramp{p.Rate.From * factor, p.Rate.To * factor}
			p.TotalRate *= factor
		}
	}
	return &c
}

// ClosedLoop returns a copy without rates: each connection calls as fast as it is answered.
func (s *Scenario) ClosedLoop() *Scenario {
	c := *s
	c.Closed, c.Capacity = true, nil
	c.Phases = slices.Clone(s.Phases)
	for i := range c.Phases {
		p := &c.Phases[i]
		p.Rate, p.TotalRate, p.Capacity = Ramp{}, 0, 0
	}
	return &c
}

// calls says whether the scenario makes any calls.
func (s *Scenario) calls() bool {
	return s.Closed || slices.ContainsFunc(s.Phases, func(p Phase) bool { return p.Rate != (Ramp{}) })
}

// settle turns total rates and multiples of the capacity into rates per connection.
func (s *Scenario) settle(capacity float64) {
	for i := range s.Phases {
		p := &s.Phases[i]
		if p.Capacity > 0 {
			p.TotalRate = p.Capacity * capacity
		}
		if n := max(p.Connections.From, p.Connections.To); p.TotalRate > 0 && n > 0 {
			p.Rate = Ramp{p.TotalRate / n, p.TotalRate / n}
		}
	}
}

// plan is the rate of one connection over the whole scenario.
func (s *Scenario) plan() []client.Segment {
	stretches := make([]client.Segment, len(s.Phases))
	for i := range s.Phases {
		p := &s.Phases[i]
		stretches[i] = client.Segment{Length: p.Duration, From: p.Rate.From, To: p.Rate.To}
	}
	return stretches
}
