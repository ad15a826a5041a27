package loadtest

import (
	"slices"
	"time"

	"weir/loadtest/hostile"
	"weir/loadtest/pacing"
)

// Scenario is one written question, the load that asks it, and the marks that its answer is held to. It is data: the
// built-in ones are YAML files beside this one, a user's own are read by the same code.
type Scenario struct {
	Name     string `yaml:"name" required:"true" min:"1"`
	Question string `yaml:"question" required:"true" min:"1"`
	// Needs is something that not every server has; without it the scenario is skipped with a sentence.
	Needs string `yaml:"needs" oneof:"streams" zero:"nothing special"`
	// Tool is called when the server lists it, with Arguments (a JSON object); otherwise what the probe finds.
	Tool      string `yaml:"tool"`
	Arguments string `yaml:"arguments"`
	// Window is how many calls a connection may have in flight.
	Window int `yaml:"window" min:"1" max:"1048576" zero:"1 over HTTP, 1000 elsewhere" unit:"calls"`
	// PadBytes of filler travel in the _meta of each call.
	PadBytes int `yaml:"pad_bytes" min:"0" max:"4 MiB" unit:"bytes"`
	// Closed makes each connection call as fast as answers allow, Window at a time; rates must then be absent.
	Closed bool `yaml:"closed"`
	// MaxConnecting bounds connections being opened at the same time.
	MaxConnecting int `yaml:"max_connecting" default:"256" min:"0" max:"1048576" zero:"all at once" unit:"connections"`
	// OpenFirst has the first phase's connections opened before the clock starts, however long that takes.
	OpenFirst bool `yaml:"open_first"`
	// Capacity, when set, is measured before the first phase; phases may then say their rate in multiples of it.
	Capacity *Calibration    `yaml:"capacity"`
	Phases   []Phase         `yaml:"phases" required:"true" min:"1" max:"100"`
	Hostile  hostile.Clients `yaml:"hostile"`
	Marks    Marks           `yaml:"marks" required:"true"`
}

// Calibration is a closed loop that finds out how many calls per second the server answers.
type Calibration struct {
	Connections int           `yaml:"connections" default:"20" min:"1" max:"10000" unit:"connections"`
	Window      int           `yaml:"window" default:"1" min:"1" max:"1048576" unit:"calls"`
	Duration    time.Duration `yaml:"duration" default:"10s" min:"100ms" max:"1h"`
}

// Phase is a stretch of time in which connections and rate move in straight lines.
type Phase struct {
	Name        string        `yaml:"name" required:"true" min:"1"`
	Duration    time.Duration `yaml:"duration" required:"true" min:"100ms" max:"168h"`
	Connections Ramp          `yaml:"connections" required:"true" min:"0" max:"10000000" unit:"connections"`
	// Rate is that of each connection.
	Rate Ramp `yaml:"rate" min:"0" max:"1000000" unit:"calls/s"`
	// TotalRate is that of all connections together, instead of Rate.
	TotalRate float64 `yaml:"total_rate" min:"0" max:"100000000" unit:"calls/s"`
	// Capacity is the same in multiples of the measured capacity.
	Capacity float64 `yaml:"capacity" min:"0" max:"1000" unit:"times the capacity"`
	// Streams is how many event streams are held open meanwhile: sessions' GETs, or listens in the modern era.
	Streams int `yaml:"streams" min:"0" max:"10000000" unit:"streams"`
	// Judged phases count for the marks.
	Judged bool `yaml:"judged" default:"true"`
	// Overload phases are beyond what the server can do: refusals are its right there. Latency is that of the accepted.
	Overload bool `yaml:"overload"`
	// Recovery phases follow an overload: the mark of that name counts from their beginning.
	Recovery bool `yaml:"recovery"`
}

// Ramp is a value that moves from one figure to another. A file may write it as one number.
type Ramp struct {
	From float64 `yaml:"from" required:"true"`
	To   float64 `yaml:"to" required:"true"`
}

// Numbers implements option.Numbers.
func (r *Ramp) Numbers() []*float64 { return []*float64{&r.From, &r.To} }

// Marks are the bounds that the answer is held to. One that is nil is not judged.
type Marks struct {
	// P95 and P99 are of answered calls, counted from the plan.
	P95 *time.Duration `yaml:"p95" min:"1us" max:"1h"`
	P99 *time.Duration `yaml:"p99" min:"1us" max:"1h"`
	// ErrorRate is errors, tool errors, lost and bad answers, of what was sent.
	ErrorRate *float64 `yaml:"error_rate" min:"0" max:"1"`
	// RefusalRate is refusals of what was sent, outside overload phases.
	RefusalRate *float64 `yaml:"refusal_rate" min:"0" max:"1"`
	// ConnectSuccess is opened of opened, failed and refused connections.
	ConnectSuccess *float64 `yaml:"connect_success" min:"0" max:"1"`
	// Served is connections that were open together and had each had a result of a call, of the most that the scenario
	// holds.
	Served *float64 `yaml:"served" min:"0" max:"1"`
	// Streams is event streams that were open at the end and none of which the server ended, of the most that the
	// scenario holds.
	Streams *float64 `yaml:"streams" min:"0" max:"1"`
	// Goodput is answered per second in overload phases, of the measured capacity.
	Goodput *float64 `yaml:"goodput" min:"0" max:"1"`
	// MemoryBytes is the server's resident memory, at most.
	MemoryBytes *int64 `yaml:"memory_bytes" min:"0" max:"1024 TiB" unit:"bytes"`
	// MemoryGrowth is resident memory of the last tenth of the run over that of the first tenth, minus 1.
	MemoryGrowth *float64 `yaml:"memory_growth" min:"0" max:"1"`
	// QueueMessages wait in the server's queue, at most.
	QueueMessages *int64 `yaml:"queue_messages" min:"0" max:"1125899906842624" unit:"messages"`
	// Recovery is how long after its beginning a phase of that name has recovered.
	Recovery *time.Duration `yaml:"recovery" min:"1us" max:"1h"`
	// Lost is calls whose connection ended first.
	Lost *int64 `yaml:"lost" min:"0" max:"1125899906842624" unit:"calls"`
	// HostileEnded is, of the kinds of hostile clients that are the server's to end, the share of which it has ended as
	// many as there are.
	HostileEnded *float64 `yaml:"hostile_ended" min:"0" max:"1"`
	// Unexplained is calls that were sent, and neither answered, refused, cancelled nor failed.
	Unexplained *int64 `yaml:"unexplained" min:"0" max:"1125899906842624" unit:"calls"`
}

const (
	maxScenarioBytes = 1 << 20
	minPhaseDuration = 100 * time.Millisecond // what scaling leaves of a phase
	defaultWindow    = 1000                   // where the scenario names none, but over HTTP
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

// planned is how many calls the scenario asks for, when every connection is open all the while.
func (s *Scenario) planned() float64 {
	sum := 0.0
	for i := range s.Phases {
		p := &s.Phases[i]
		n, r := p.Connections, p.Rate
		moreN, moreR := n.To-n.From, r.To-r.From
		// The integral of two straight lines, one times the other.
		sum += p.Duration.Seconds() * (n.From*r.From + (n.From*moreR+r.From*moreN)/2 + moreN*moreR/3)
	}
	return sum
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
func (s *Scenario) plan() []pacing.Segment {
	stretches := make([]pacing.Segment, len(s.Phases))
	for i := range s.Phases {
		p := &s.Phases[i]
		stretches[i] = pacing.Segment{Length: p.Duration, From: p.Rate.From, To: p.Rate.To}
	}
	return stretches
}
