package alert

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

var bounds = []float64{0.05, 0.1, 0.15, 0.2, 1}

// script is a server whose life is told second by second: what happens in each second from a time on.
type script struct {
	reading Reading
	changes []string // "5s WeirMemory firing"
	at      time.Duration
	e       *Evaluator
	o       Options
}

func newScript(change func(*Options)) *script {
	o := DefaultOptions()
	if change != nil {
		change(&o)
	}
	s := &script{o: o, e: New(o, bounds)}
	s.reading.Latency = make([]uint64, len(bounds)+1)
	s.observe()
	return s
}

func (s *script) observe() {
	now := time.Unix(1_000_000, 0).Add(s.at)
	r := s.reading
	r.Latency = slices.Clone(r.Latency)
	for _, a := range s.e.Observe(now, r) {
		s.changes = append(s.changes, fmt.Sprintf("%v %s %s", s.at, a.Name, a.State))
	}
}

// passes lets so many seconds pass in each of which something happens.
func (s *script) passes(seconds int, happens func(r *Reading)) *script {
	for range seconds {
		s.at += time.Second
		happens(&s.reading)
		s.observe()
	}
	return s
}

func (s *script) wants(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(s.changes, want) {
		t.Errorf("got %q, want %q", s.changes, want)
	}
}

// calls are so many calls, of which some end in an error.
func calls(n, errors uint64) func(*Reading) {
	return func(r *Reading) { r.Calls, r.Errors = r.Calls+n, r.Errors+errors }
}

// TestErrorRate: each alert of errors fires when the rate of the window is above its threshold, and clears when it has
// been below where it clears for clear_after.
func TestErrorRate(t *testing.T) {
	// 6 of 10,000: above 0.05 %. It takes 50 of 60 seconds until the window is; it clears when less than 4 of 10,000 are
	// left, after 20 s of 60, and 10 s more.
	newScript(nil).passes(60, calls(10_000, 0)).passes(90, calls(10_000, 6)).passes(90, calls(10_000, 0)).
		wants(t, "1m51s WeirErrorRate firing", "3m1s WeirErrorRate ok")
	// From the first second on: the window is as long as there are readings.
	newScript(nil).passes(10, calls(10_000, 6)).wants(t, "1s WeirErrorRate firing")
	newScript(nil).passes(100, calls(10_000, 5)).wants(t) // 0.05 % is not above it
	// Everything fails: all three at once, and the emergency stop lasts until 0.5 %.
	newScript(nil).passes(60, calls(1000, 0)).passes(5, calls(1000, 1000)).passes(100, calls(1000, 0)).
		wants(t, "1m1s WeirErrorRate firing", "1m1s WeirErrorRateHigh firing", "1m1s WeirEmergencyStop firing",
			"2m15s WeirErrorRate ok", "2m15s WeirErrorRateHigh ok", "2m15s WeirEmergencyStop ok")
}

// TestFewCalls: a rate of few calls begins nothing. One that fires goes on while what comes still fails, and clears
// when nothing comes.
func TestFewCalls(t *testing.T) {
	newScript(nil).passes(120, calls(8, 8)).wants(t) // 480 in a window
	newScript(func(o *Options) { o.MinCalls = 480 }).passes(60, calls(8, 8)).wants(t, "1m0s WeirErrorRate firing",
		"1m0s WeirErrorRateHigh firing", "1m0s WeirEmergencyStop firing")
	s := newScript(func(o *Options) { o.ErrorRate, o.StopErrorRate = 0, 0 }).passes(60, calls(100, 100))
	s.passes(120, calls(1, 1)).wants(t, "5s WeirErrorRateHigh firing")
	s.passes(100, calls(0, 0)).wants(t, "5s WeirErrorRateHigh firing", "4m10s WeirErrorRateHigh ok")
}

// TestStopIsNotFed: while the emergency stop refuses most calls, the few that go through decide.
func TestStopIsNotFed(t *testing.T) {
	s := newScript(func(o *Options) { o.ErrorRate, o.HighErrorRate = 0, 0 }).passes(60, calls(1600, 32))
	s.passes(200, calls(100, 2)) // 2 % of those that go through: it holds
	s.wants(t, "1s WeirEmergencyStop firing")
	s.passes(75, calls(100, 0)).wants(t, "1s WeirEmergencyStop firing", "5m16s WeirEmergencyStop ok")
}

func TestHysteresis(t *testing.T) {
	// Around 0.05 %, between where it fires and where it clears: one alert.
	s := newScript(nil)
	for range 20 {
		s.passes(60, calls(10_000, 6)).passes(60, calls(10_000, 4))
	}
	s.wants(t, "1s WeirErrorRate firing")
}

func TestSlow(t *testing.T) {
	// 100 calls a second, of which some take 0.15 to 0.2 s, the others less than 0.05.
	at := func(slow uint64) func(*Reading) {
		return func(r *Reading) { r.Latency[0], r.Latency[3] = r.Latency[0]+100-slow, r.Latency[3]+slow }
	}
	newScript(nil).passes(100, at(5)).wants(t)
	newScript(nil).passes(100, at(6)).passes(100, at(0)).wants(t, "1s WeirSlow firing", "2m0s WeirSlow ok")
	// 31 of the sample are too few, 32 are 500 calls.
	one := func(r *Reading) { r.Latency[4] += 1 }
	newScript(nil).passes(31, one).wants(t)
	newScript(nil).passes(32, one).wants(t, "32s WeirSlow firing")
}

func TestMemory(t *testing.T) {
	holds := func(mib int64) func(*Reading) { return func(r *Reading) { r.MemoryBytes = mib << 20 } }
	newScript(nil).passes(100, holds(350)).wants(t)
	newScript(nil).passes(10, holds(351)).passes(1, holds(350)).passes(10, holds(351)).wants(t) // a collection
	newScript(nil).passes(20, holds(351)).passes(60, holds(340)).passes(20, holds(332)).
		wants(t, "11s WeirMemory firing", "1m31s WeirMemory ok")
}

func TestCallsWait(t *testing.T) {
	full := func(fill float64) func(*Reading) { return func(r *Reading) { r.QueueFill = fill } }
	newScript(nil).passes(1, full(0.5)).passes(9, full(0.51)).passes(20, full(0.45)).passes(70, full(0.3)).
		wants(t, "2s WeirCallsWait firing", "41s WeirCallsWait ok")
}

func TestNodeLost(t *testing.T) {
	lost := func(n int) func(*Reading) { return func(r *Reading) { r.LostNodes = n } }
	newScript(nil).passes(1, lost(0)).passes(9, lost(1)).passes(20, lost(2)).passes(70, lost(0)).
		wants(t, "2s WeirNodeLost firing", "41s WeirNodeLost ok")
}

func TestConnections(t *testing.T) {
	open := func(n int) func(*Reading) { return func(r *Reading) { r.Connections, r.SoftConnections = n, 150 } }
	newScript(nil).passes(1, open(149)).passes(1, open(150)).passes(60, open(143)).passes(20, open(142)).
		wants(t, "2s WeirConnections firing", "1m13s WeirConnections ok")
	for _, soft := range []int{0, 1, 2} { // no limit; the smallest ones
		s := newScript(nil).passes(1, func(r *Reading) { r.Connections, r.SoftConnections = 1, soft })
		s.passes(20, func(r *Reading) { r.Connections = 0 })
		if len(s.changes) != map[int]int{0: 0, 1: 2, 2: 0}[soft] {
			t.Errorf("soft limit %d: %q", soft, s.changes)
		}
	}
}

// TestReplace: what has no threshold any more clears at once; what gets one fires by it.
func TestReplace(t *testing.T) {
	s := newScript(nil).passes(20, func(r *Reading) { r.MemoryBytes = 400 << 20 })
	o := s.o
	o.MemoryBytes = 0
	s.e.Replace(o)
	s.passes(5, func(*Reading) {})
	o.MemoryBytes, o.MemoryFor = 1<<20, 0
	s.e.Replace(o)
	s.passes(5, func(*Reading) {})
	s.wants(t, "11s WeirMemory firing", "21s WeirMemory off", "26s WeirMemory firing")
	if !s.e.IsFiring(Memory) || s.e.IsFiring(Slow) || s.e.IsFiring("none") {
		t.Error("IsFiring")
	}
	for _, a := range s.e.Alerts() {
		if a.Name == Memory && (a.State != Firing || a.FiresAbove != 1<<20 || !strings.Contains(a.Description, "400 MiB")) {
			t.Errorf("%+v", a)
		}
	}
}

// TestFewerForAMoment: counts that fall for a moment (a tool is being removed) are no flood of calls.
func TestFewerForAMoment(t *testing.T) {
	s := newScript(nil).passes(30, calls(1000, 0))
	before := s.reading
	s.passes(1, func(r *Reading) { r.Calls = 10 }).passes(1, func(r *Reading) { *r = before })
	s.passes(10, calls(1000, 0)).passes(1, calls(1000, 30)).wants(t, "43s WeirErrorRate firing")
}

// TestWindowIsBounded: however often somebody looks, a window is at most steps+3 readings, and spans its time.
func TestWindowIsBounded(t *testing.T) {
	w := window{length: time.Minute}
	begin := time.Unix(0, 0)
	for i := range 100_000 {
		w.add(begin.Add(time.Duration(i)*10*time.Millisecond), Reading{})
		if n := len(w.samples); n > steps+3 {
			t.Fatalf("%d samples after %d readings", n, i)
		}
	}
	if span := w.samples[len(w.samples)-1].at.Sub(w.samples[0].at); span < time.Minute || span > 62*time.Second {
		t.Errorf("it spans %v", span)
	}
}

func TestQuantile(t *testing.T) {
	f := func(want float64, counts ...uint64) {
		t.Helper()
		if got, _ := quantile(0.95, bounds, counts); math.Abs(got-want) > 1e-9 {
			t.Errorf("%v: got %v, want %v", counts, got, want)
		}
	}
	f(0, 0, 0, 0, 0, 0, 0)
	f(0.0475, 100, 0, 0, 0, 0, 0)
	f(0.15, 0, 0, 95, 5, 0, 0)
	f(0.16, 0, 0, 94, 5, 1, 0)
	f(1, 0, 0, 0, 0, 0, 10)
	f(1, 94, 0, 0, 0, 0, 6)
}

func TestOptions(t *testing.T) {
	f := func(change func(*Options), want string) {
		t.Helper()
		o := DefaultOptions()
		change(&o)
		if err := errors.Join(o.Validate()...); err == nil && want != "" || err != nil && err.Error() != want {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	f(func(*Options) {}, "")
	f(func(o *Options) { o.StopErrorRate = 0.004 },
		"resume_error_rate: 0.005 is above stop_error_rate: allowed is at most 0.004")
	f(func(o *Options) { o.StopErrorRate = 0 }, "")
	f(func(o *Options) { o.Window = 0 }, "window: 0s is below 1s: allowed is 1s to 1h")
	for window, want := range map[time.Duration]time.Duration{time.Second: 50 * time.Millisecond,
		30 * time.Second: 500 * time.Millisecond, time.Hour: time.Second} {
		if o := (Options{Window: window}); o.Interval() != want {
			t.Errorf("a window of %v is looked at every %v", window, o.Interval())
		}
	}
}

// TestEachAlertIsExplained: docs/OPERATING.md has a heading for each alert.
func TestEachAlertIsExplained(t *testing.T) {
	page, err := os.ReadFile("../../docs/OPERATING.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range Names() {
		_, section, found := strings.Cut(string(page), "\n### "+name+"\n")
		if section, _, _ = strings.Cut(section, "\n#"); !found || len(section) < 200 {
			t.Errorf("docs/OPERATING.md has no section %s, or little in it", name)
		}
	}
}
