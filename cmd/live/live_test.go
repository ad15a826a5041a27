package live

import (
	"encoding/json"
	"math"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"weir/registry/call"
)

func TestQuantile(t *testing.T) {
	bounds := []float64{1, 2, 4}
	f := func(q float64, want float64, counts ...uint64) {
		t.Helper()
		got := float64(quantile(q, bounds, counts))
		if math.Abs(got-want) > 1e-9 && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("%v of %v: got %v, want %v", q, counts, got, want)
		}
	}
	f(0.5, math.NaN(), 0, 0, 0, 0)
	f(0.5, 0.5, 10, 0, 0, 0)
	f(0.5, 1.5, 0, 10, 0, 0)
	f(0.95, 3.9, 0, 0, 20, 0) // 2 and 0.95 of 2
	f(0.75, 2, 5, 10, 5, 0)
	f(0.99, 4, 0, 0, 0, 7) // above the last bound nothing is known
	f(1, 4, 1, 1, 1, 0)
}

func TestNumber(t *testing.T) {
	text, err := json.Marshal([]Number{0, 1.5, 123456789, Unknown, Number(float32(0.1))})
	if err != nil || string(text) != "[0,1.5,123456789,null,0.1]" {
		t.Error(string(text), err)
	}
	var back []Number
	if err := json.Unmarshal(text, &back); err != nil || back[3].Known() || back[1] != 1.5 {
		t.Error(back, err)
	}
}

// source is a server that a test makes up.
func source() (s Source, calls *call.Totals) {
	set := metrics.NewSet()
	for _, name := range gaugesKept {
		set.NewGauge(name, func() float64 { return 2 })
	}
	set.NewGauge(`weir_loop_busy_seconds_total{loop="0"}`, func() float64 { return float64(calls.Calls) / 1000 })
	calls = new(call.Totals)
	return Source{Metrics: set, Totals: func() call.Totals { return *calls }}, calls
}

// TestHistory: a rate is of the time that has passed, the ring keeps ten minutes, and who has some gets the rest.
func TestHistory(t *testing.T) {
	s, calls := source()
	refused := s.Metrics.NewCounter(`weir_refusals_total{reason="queue_full"}`)
	h := newHistory(&s)
	at := h.recent[0].at
	var l Look
	if h.fill(&l); l.Calls.PerSecond.Known() || len(l.Latency) != 3 || l.Latency[0].P50.Known() {
		t.Errorf("before the first sample: %+v", l)
	}
	for second := range 700 {
		step := time.Second
		if second == 650 { // it stood still
			step = 5 * time.Second
		}
		calls.Calls += 100
		calls.Errors += 10
		calls.Computing[1] += 5 // 0.5 to 1 ms
		calls.Waiting[14] += 5  // 0.5 to 1 s
		refused.Add(3)
		at = at.Add(step)
		h.take(at)
	}
	all := h.since(0)
	curve := func(name string, fromEnd int) Number { return all.Curves[name][len(all.Curves[name])-fromEnd] }
	if len(all.Seconds) != HistorySeconds || len(all.Curves) != int(curves) {
		t.Fatalf("%d seconds, %d curves", len(all.Seconds), len(all.Curves))
	}
	for name, want := range map[string]float64{"calls": 100, "errors": 10, "refused": 3, "connections": 2, "executing": 4,
		"p50": 0.001, "loops": 0.1, "p95": 0.95} {
		if got := float64(curve(name, 1)); math.Abs(got-want) > want/1e3 {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if got := curve("calls", 50); got != 20 { // the 100 calls of five seconds
		t.Errorf("%v calls a second while it stood still", got)
	}
	last := all.Seconds[len(all.Seconds)-1]
	if some := h.since(last - 3); len(some.Seconds) != 3 || len(some.Curves["p99"]) != 3 {
		t.Errorf("%+v", some)
	}
	h.fill(&l)
	if l.Latency[1].Samples != 50 || l.Latency[2].Samples != 50 || l.Latency[0].Samples != 100 ||
		l.Latency[1].P95 > 0.001 || l.Latency[2].P50 < 0.5 {
		t.Errorf("%+v", l.Latency)
	}
}

func TestHistoryIsCheap(t *testing.T) {
	s, _ := source()
	h := newHistory(&s)
	at := time.Now()
	if n := testing.AllocsPerRun(100, func() { at = at.Add(time.Second); h.take(at) }); n > 20 {
		t.Errorf("a sample makes %v allocations", n)
	}
}

// TestFilters: each parameter, and what is said of one that is wrong.
func TestFilters(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		values, err := url.ParseQuery(text)
		if err != nil {
			t.Fatal(err)
		}
		said := ""
		if _, err := query(values); err != nil {
			said = err.Error()
		}
		if said != want && !(want != "" && strings.Contains(said, want)) {
			t.Errorf("%s: got %q, want %q", text, said, want)
		}
	}
	f("", "")
	f("transport=tcp&principal=a&peer=10.0.0.0/8&min_age=1m&min_silent=2s&min_bytes=64+KiB&min_in_flight=1&rows=200&"+
		"sort=bytes&after=-5.0.1.2", "")
	f("peer=&min_age=+", "")
	f("peer=localhost", "an address or a network")
	f("min_age=5", "such as 30s")
	f("min_bytes=1+KB", "such as 64 KiB")
	f("min_in_flight=x", "a number")
	f("rows=201", "1 to 200")
	f("rows=0", "1 to 200")
	f("rows=1&rows=2", "rows: is there 2 times; allowed is once")
	f("sort=name", "age, silent, bytes, in_flight")
	f("after=x", "what next was")
	f("age=1", "age: unknown; allowed is after, min_age")
}
