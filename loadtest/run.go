package loadtest

import (
	"time"

	"weir/loadtest/probe"
	"weir/loadtest/report"
	"weir/loadtest/wire"
)

// Run is one run of a scenario against a target.
type Run struct {
	Scenario *Scenario // as it is to be run: scaled and sized
	Target   wire.Target
	Probe    probe.Options
	Admin    string // host:port of the server's admin listener; "" looks for it, "off" does not
	PID      int    // of the server's process; 0 looks for it
	Loops    int    // per worker; 0 chooses
	Workers  int    // processes; 0 chooses
	Window   int    // 0: the scenario's
	Grace    time.Duration
	// WorkerCommand starts a worker process (see Work).
	WorkerCommand []string
	// What the report says about the generator.
	Version, Commit, Command string
	// Progress is told what is going on; nil is told nothing. Called from one goroutine.
	Progress func(Event)
}

// Event is one thing that a run tells while it goes on.
type Event struct {
	Text  string        // something that happened
	Point *report.Point // or one more step of the series
	Phase string
	Total time.Duration // the length of the run
}

// instants are the ends of equal steps within each phase: about a second each, fewer when the run is long or very
// short.
func instants(s *Scenario) []time.Duration {
	length := s.Length()
	step := max(time.Second, length/maxPoints)
	if length < 20*time.Second {
		step = max(length/40, stepInterval)
	}
	var all []time.Duration
	var at time.Duration
	for i := range s.Phases {
		d := s.Phases[i].Duration
		n := max(1, int((d+step/2)/step))
		for k := 1; k <= n; k++ {
			all = append(all, at+d*time.Duration(k)/time.Duration(n))
		}
		at += d
	}
	return all
}
