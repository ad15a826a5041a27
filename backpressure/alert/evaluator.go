package alert

import (
	"fmt"
	"sync"
	"time"
)

// Alert is one rule and how it stands.
type Alert struct {
	Name     string   `json:"alertname"`
	Severity Severity `json:"severity"`
	// State is firing, ok, or off for a rule that has no threshold.
	State string `json:"state"`
	// Since is when it began to fire or cleared; zero if it never fired.
	Since time.Time `json:"since,omitzero"`
	// Value is what was measured last, FiresAbove and ClearsBelow are the thresholds, in the unit of the measure: parts of
	// one, seconds, bytes, connections.
	Value       float64 `json:"value"`
	FiresAbove  float64 `json:"fires_above"`
	ClearsBelow float64 `json:"clears_below"`
	Summary     string  `json:"summary"`
	Description string  `json:"description"`
	Runbook     string  `json:"runbook"`
	// Began is when an alert that has just cleared had begun; zero otherwise.
	Began time.Time `json:"-"`
}

// The states of an Alert.
const (
	Firing = "firing"
	OK     = "ok"
	Off    = "off"
)

// Evaluator holds the rules against the readings of one server. All methods may be called on any goroutine; readings
// come one at a time.
type Evaluator struct {
	bounds []float64 // of Reading.Latency, in seconds

	mu     sync.Mutex
	o      Options
	window window
	states [len(rules)]state
}

// state is how a rule stands.
type state struct {
	firing  bool
	since   time.Time // when that began; zero: it never fired
	above   time.Time // since when the value is above the threshold; zero: it is not
	below   time.Time // since when, while it fires, the value is below where it clears; zero: it is not
	value   float64
	limits  [2]float64
	ordered bool // it has been looked at
}

// New makes an Evaluator without a reading. bounds are the ends, in seconds, of all buckets of Reading.Latency but the
// last; o is valid.
func New(o Options, bounds []float64) *Evaluator {
	return &Evaluator{o: o, bounds: bounds, window: window{length: o.Window}}
}

// Replace has the rules go by o, which is valid, from the next reading on. What fires does so until it clears by o.
func (e *Evaluator) Replace(o Options) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.o, e.window.length = o, o.Window
}

// Observe takes a reading and returns the alerts that began to fire or cleared by it.
func (e *Evaluator) Observe(now time.Time, r Reading) (changed []Alert) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.window.add(now, r)
	calls, errors, latency := e.window.counts()
	for i := range rules {
		value, known := e.measure(rules[i].of, &r, calls, errors, latency)
		if began := e.states[i].since; e.judge(&rules[i], &e.states[i], now, value, known, &r) {
			a := e.alertLocked(i)
			if !e.states[i].firing {
				a.Began = began
			}
			changed = append(changed, a)
		}
	}
	return changed
}

// measure returns a value, and whether enough is known for an alert to begin with it.
func (e *Evaluator) measure(m measure, r *Reading, calls, errors uint64, latency []uint64) (v float64, known bool) {
	switch m {
	case errorRate:
		if calls == 0 {
			return 0, false
		}
		return float64(errors) / float64(calls), calls >= uint64(e.o.MinCalls)
	case p95:
		v, n := quantile(0.95, e.bounds, latency)
		return v, n >= uint64(e.o.minSamples())
	case memory:
		return float64(r.MemoryBytes), true
	case lostNodes:
		return float64(r.LostNodes), true
	case queueFill:
		return r.QueueFill, true
	}
	return float64(r.Connections), r.SoftConnections > 0
}

// minSamples is how many timed calls a p95 is worth something of: one in 16 is timed.
func (o *Options) minSamples() int { return (o.MinCalls + 15) / 16 }

// judge moves a rule's state on and says whether the alert began or cleared. e.mu is held.
func (e *Evaluator) judge(r *rule, s *state, now time.Time, value float64, known bool,
	reading *Reading) (changed bool) {
	fires, clears := r.limit(&e.o, reading)
	s.value, s.limits, s.ordered = value, [2]float64{fires, clears}, true
	if s.firing {
		if fires > 0 && value >= clears {
			s.below = time.Time{}
			return false
		}
		if s.below.IsZero() {
			s.below = now
		}
		if fires > 0 && now.Sub(s.below) < e.o.ClearAfter {
			return false
		}
		s.firing, s.since, s.above, s.below = false, now, time.Time{}, time.Time{}
		return true
	}
	if fires <= 0 || !known || value <= fires {
		s.above = time.Time{}
		return false
	}
	if s.above.IsZero() {
		s.above = now
	}
	if r.after != nil && now.Sub(s.above) < r.after(&e.o) {
		return false
	}
	s.firing, s.since = true, now
	return true
}

// Alerts says how every rule stands.
func (e *Evaluator) Alerts() []Alert {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := make([]Alert, len(rules))
	for i := range rules {
		all[i] = e.alertLocked(i)
	}
	return all
}

func (e *Evaluator) alertLocked(i int) Alert {
	r, s := &rules[i], &e.states[i]
	a := Alert{
		Name: r.name, Severity: r.severity, State: OK, Since: s.since, Value: s.value, FiresAbove: s.limits[0],
		ClearsBelow: s.limits[1], Summary: r.summary, Runbook: r.runbook(),
	}
	switch {
	case s.firing:
		a.State = Firing
	case s.ordered && s.limits[0] <= 0:
		a.State = Off
	}
	a.Description = fmt.Sprintf("%s is %s; fires above %s, clears below %s", r.of.words(), r.of.say(a.Value),
		r.of.say(a.FiresAbove), r.of.say(a.ClearsBelow))
	return a
}

// words are what is measured, for people.
func (m measure) words() string {
	return [...]string{
		errorRate: "the error rate", p95: "the p95", memory: "resident memory", connections: "the number of connections",
		lostNodes: "the number of lost nodes", queueFill: "the fill of the queue to the workers",
	}[m]
}

// IsFiring says whether an alert fires.
func (e *Evaluator) IsFiring(name string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range rules {
		if rules[i].name == name {
			return e.states[i].firing
		}
	}
	return false
}
