package live

import (
	"math"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"weir/cmd/process"
	"weir/registry/call"
)

const (
	// HistorySeconds is how far back the curves go.
	HistorySeconds = 600
	// LatencyWindow is of how many seconds the percentiles are.
	LatencyWindow = 10
	// smoothedOver is about how many seconds say how busy the workers are.
	smoothedOver = 5
)

// The curves, in the order of their names.
const (
	curveCalls = iota
	curveErrors
	curveRefused
	curveConnections
	curveWaiting
	curveExecuting
	curveP50
	curveP95
	curveP99
	curveLoops
	curveWorkers
	curveMemory
	curves
)

// curveNames are their keys in History.Curves.
var curveNames = [curves]string{"calls", "errors", "refused", "connections", "waiting", "executing", "p50", "p95",
	"p99", "loops", "workers", "memory"}

// point is one second: 56 bytes, so the ring has 33 KiB.
type point struct {
	second int64
	values [curves]float32
}

// totals are what rates are made of.
type totals struct {
	at      time.Time
	calls   call.Totals
	refused uint64
	busy    []float64 // seconds that each loop was busy
}

// history takes the samples. Its goroutine adds them, anybody reads them.
type history struct {
	set      *metrics.Set
	totals   func() call.Totals
	refusals []*metrics.Counter
	gauges   map[string]*metrics.Gauge
	loops    []*metrics.Gauge // seconds that each was busy

	mu      sync.Mutex
	ring    [HistorySeconds]point
	taken   int                       // samples, ever
	recent  [LatencyWindow + 1]totals // of the last of them
	busy    []Number                  // of each loop, in the last second
	workers float64                   // the part of the compute workers that was busy, lately
}

// gaugesKept are those of which the ring keeps something.
var gaugesKept = []string{"weir_connections", "weir_queue_waiting_messages",
	`weir_queue_executing_messages{class="compute"}`, `weir_queue_executing_messages{class="blocking"}`,
	`weir_workers{class="compute"}`, `weir_workers_busy{class="compute"}`}

func newHistory(s *Source) *history {
	h := &history{set: s.Metrics, totals: s.Totals, gauges: map[string]*metrics.Gauge{}}
	for _, name := range gaugesKept {
		h.gauges[name] = s.Metrics.GetOrCreateGauge(name, nil)
	}
	for _, name := range s.Metrics.ListMetricNames() {
		switch family(name) {
		case "weir_refusals_total":
			h.refusals = append(h.refusals, s.Metrics.GetOrCreateCounter(name))
		case "weir_loop_busy_seconds_total":
			h.loops = append(h.loops, s.Metrics.GetOrCreateGauge(name, nil))
		}
	}
	h.recent[0] = h.read(time.Now())
	return h
}

// family is the name of a series without its labels.
func family(series string) string {
	for i := range len(series) {
		if series[i] == '{' {
			return series[:i]
		}
	}
	return series
}

func (h *history) read(now time.Time) totals {
	t := totals{at: now, calls: h.totals()}
	for _, c := range h.refusals {
		t.refused += c.Get()
	}
	for _, g := range h.loops {
		t.busy = append(t.busy, g.Get())
	}
	return t
}

func (h *history) gauge(name string) float64 { return h.gauges[name].Get() }

// take takes the sample of a second. One goroutine at a time.
func (h *history) take(now time.Time) {
	t := h.read(now)
	h.mu.Lock()
	defer h.mu.Unlock()
	before := &h.recent[h.taken%len(h.recent)]
	dt := t.at.Sub(before.at).Seconds()
	if dt <= 0 {
		return
	}
	h.taken++
	oldest := h.recent[max(0, h.taken-LatencyWindow)%len(h.recent)]
	h.recent[h.taken%len(h.recent)] = t
	rate := func(now, before uint64) float32 { return float32(float64(now-min(now, before)) / dt) }
	p := point{second: now.Unix()}
	p.values[curveCalls] = rate(t.calls.Calls, before.calls.Calls)
	p.values[curveErrors] = rate(t.calls.Errors, before.calls.Errors)
	p.values[curveRefused] = rate(t.refused, before.refused)
	p.values[curveConnections] = float32(h.gauge("weir_connections"))
	p.values[curveWaiting] = float32(h.gauge("weir_queue_waiting_messages"))
	p.values[curveExecuting] = float32(h.gauge(`weir_queue_executing_messages{class="compute"}`) +
		h.gauge(`weir_queue_executing_messages{class="blocking"}`))
	all := latencyOf("all", &t, &oldest)
	p.values[curveP50], p.values[curveP95], p.values[curveP99] = float32(all.P50), float32(all.P95), float32(all.P99)
	h.busy = h.busy[:0]
	for i, busy := range t.busy {
		part := min(1, (busy-before.busy[i])/dt)
		h.busy = append(h.busy, Number(part))
		p.values[curveLoops] += float32(part) / float32(len(t.busy))
	}
	p.values[curveWorkers] = float32(math.NaN())
	if alive := h.gauge(`weir_workers{class="compute"}`); alive > 0 {
		// A worker is busy for microseconds at a time: of one look a second only the mean of some says anything.
		h.workers += (h.gauge(`weir_workers_busy{class="compute"}`)/alive - h.workers) / smoothedOver
		p.values[curveWorkers] = float32(h.workers)
	}
	p.values[curveMemory] = float32(process.ResidentBytes())
	h.ring[(h.taken-1)%len(h.ring)] = p
}

// latencyOf is the latency of the calls between two moments, of a class or of all.
func latencyOf(class string, now, before *totals) Latency {
	counts := make([]uint64, len(now.calls.Computing))
	for i := range counts {
		if class != "blocking" {
			counts[i] += now.calls.Computing[i] - before.calls.Computing[i]
		}
		if class != "compute" {
			counts[i] += now.calls.Waiting[i] - before.calls.Waiting[i]
		}
	}
	l := Latency{Class: class}
	for _, n := range counts {
		l.Samples += n
	}
	bounds := call.LatencyBounds()
	l.P50, l.P95, l.P99 = quantile(0.5, bounds, counts), quantile(0.95, bounds, counts), quantile(0.99, bounds, counts)
	return l
}

// since are the curves after a second.
func (h *history) since(second int64) History {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := History{Seconds: []int64{}, Curves: map[string][]Number{}}
	for _, name := range curveNames {
		out.Curves[name] = []Number{}
	}
	for i := max(0, h.taken-len(h.ring)); i < h.taken; i++ {
		p := &h.ring[i%len(h.ring)]
		if p.second <= second {
			continue
		}
		out.Seconds = append(out.Seconds, p.second)
		for curve, name := range curveNames {
			out.Curves[name] = append(out.Curves[name], Number(p.values[curve]))
		}
	}
	return out
}

// fill says in l what rates are now.
func (h *history) fill(l *Look) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l.Calls.PerSecond, l.Calls.ErrorRate, l.Calls.Refused = Unknown, Unknown, Unknown
	now, oldest := &h.recent[h.taken%len(h.recent)], &h.recent[max(0, h.taken-LatencyWindow)%len(h.recent)]
	l.Latency = []Latency{latencyOf("all", now, oldest), latencyOf("compute", now, oldest),
		latencyOf("blocking", now, oldest)}
	if h.taken == 0 {
		return
	}
	last := &h.ring[(h.taken-1)%len(h.ring)]
	l.Calls.PerSecond = Number(last.values[curveCalls])
	l.Calls.ErrorRate = Number(last.values[curveErrors])
	l.Calls.Refused = Number(last.values[curveRefused])
	for i := range l.Loops {
		if i < len(h.busy) {
			l.Loops[i].Busy = h.busy[i]
		}
	}
}
