package cmd

import (
	"math"
	"os"
	runtimemetrics "runtime/metrics"
	"sync"
	"time"

	"weir/backpressure"
	"weir/backpressure/pressure"
)

// pressureInterval is how often the process looks what it is short of.
const pressureInterval = 250 * time.Millisecond

// countFilesEvery is how often descriptors are counted one by one, where the kernel does not say how many there are
// (before Linux 6.2): of 100,000 that takes 30 ms.
const countFilesEvery = 10 * time.Second

// strain looks what the process is short of, and has the server act on it.
type strain struct {
	server *server
	read   func() pressure.Reading
	gauge  *pressure.Gauge
	stop   chan struct{}
	done   chan struct{}

	mu     sync.Mutex
	latest pressure.State
}

// startStrain begins to look.
func startStrain(s *server, read func() pressure.Reading) *strain {
	w := &strain{server: s, read: read, gauge: pressure.New(s.config.Pressure), stop: make(chan struct{}),
		done: make(chan struct{})}
	for of, part := range map[string]func(pressure.State) float64{
		"memory":      func(p pressure.State) float64 { return p.Memory },
		"descriptors": func(p pressure.State) float64 { return p.Descriptors },
		"scheduling":  func(p pressure.State) float64 { return p.Scheduling },
		"queue":       func(p pressure.State) float64 { return p.Queue },
	} {
		s.metrics.NewGauge(`weir_pressure{of="`+of+`"}`, func() float64 { return part(w.state()) })
	}
	s.metrics.NewGauge("weir_pressure_level", func() float64 { return float64(w.state().Level) })
	go w.run()
	return w
}

func (w *strain) run() {
	defer close(w.done)
	tick := time.NewTicker(pressureInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			w.look()
		case <-w.stop:
			return
		}
	}
}

// look takes a reading and acts on it. A level that another one follows is one line of the log.
func (w *strain) look() {
	now, before := w.gauge.Observe(w.read()), w.state()
	w.mu.Lock()
	w.latest = now
	w.mu.Unlock()
	w.server.reactor.SetPressure(now)
	if now.Level != before.Level {
		line := w.server.log.Info()
		if now.Level > before.Level {
			line = w.server.log.Warn()
		}
		line.Stringer("gives_way", now.Level).Stringer("before", before.Level).Float64("memory", round(now.Memory)).
			Float64("descriptors", round(now.Descriptors)).Float64("scheduling", round(now.Scheduling)).
			Float64("queue", round(now.Queue)).Msg("pressure")
	}
}

func round(part float64) float64 { return math.Round(part*1000) / 1000 }

func (w *strain) state() pressure.State {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.latest
}

func (w *strain) end() {
	close(w.stop)
	<-w.done
}

// pressureStatus is what /status says of it.
type pressureStatus struct {
	Level       string  `json:"level"`
	Memory      float64 `json:"memory"` // these four as parts of what there is
	Descriptors float64 `json:"descriptors"`
	Scheduling  float64 `json:"scheduling"`
	Queue       float64 `json:"queue"`
}

func (w *strain) status() pressureStatus {
	now := w.state()
	return pressureStatus{now.Level.String(), round(now.Memory), round(now.Descriptors), round(now.Scheduling),
		round(now.Queue)}
}

// readings reads the process. One goroutine at a time.
type readings struct {
	server  *server
	limit   int64 // what the process may have resident; 0: nobody knows
	samples []runtimemetrics.Sample

	delays     []uint64 // of goroutines that could run, when they were read last
	waits      []uint64 // of messages, likewise
	files      int
	countedFor time.Time // when descriptors were counted
}

// The places in readings.samples.
const (
	liveHeap = iota
	heapObjects
	heapFree
	heapUnused
	goTotal
	goReleased
	goLimit
	goDelays
)

func newReadings(s *server) *readings {
	r := &readings{server: s, limit: s.config.budgets.limit.Bytes}
	for _, name := range []string{
		liveHeap: "/gc/heap/live:bytes", heapObjects: "/memory/classes/heap/objects:bytes",
		heapFree: "/memory/classes/heap/free:bytes", heapUnused: "/memory/classes/heap/unused:bytes",
		goTotal: "/memory/classes/total:bytes", goReleased: "/memory/classes/heap/released:bytes",
		goLimit: "/gc/gomemlimit:bytes", goDelays: "/sched/latencies:seconds",
	} {
		r.samples = append(r.samples, runtimemetrics.Sample{Name: name})
	}
	return r
}

func (r *readings) now() pressure.Reading {
	runtimemetrics.Read(r.samples)
	of := func(at int) int64 { return int64(r.samples[at].Value.Uint64()) }
	// Garbage is no pressure: the collector fetches it when the limit is near.
	garbage := max(0, of(heapObjects)-of(liveHeap)) + of(heapFree) + of(heapUnused)
	status := r.server.reactor.Status()
	reading := pressure.Reading{
		HeapBytes: of(goTotal) - of(goReleased) - garbage, HeapLimitBytes: of(goLimit),
		ResidentBytes: residentBytes() - garbage, ResidentLimitBytes: r.limit,
		Files: r.openFiles(), Connections: status.Connections, FileLimit: int(min(openFileLimit(), 1<<30)),
	}
	if of(goLimit) == math.MaxInt64 {
		reading.HeapLimitBytes = 0
	}
	delays := r.samples[goDelays].Value.Float64Histogram()
	if at, any := worst(delays.Counts, r.delays, 0.99); any {
		reading.Latency = time.Duration(min(delays.Buckets[at], 60) * float64(time.Second))
	}
	if at, any := worst(status.Waits, r.waits, 0.99); any {
		bounds := backpressure.WaitBounds()
		reading.QueueAge = time.Duration(bounds[min(at, len(bounds)-1)])
	}
	r.delays = append(r.delays[:0], delays.Counts...)
	r.waits = append(r.waits[:0], status.Waits...)
	return reading
}

// worst is the bucket that a part of what came since before is not above; false: nothing came.
func worst(counts, before []uint64, part float64) (at int, any bool) {
	if len(before) == 0 {
		return 0, false // since the start is not of late
	}
	total := uint64(0)
	for i := range counts {
		total += counts[i] - before[i]
	}
	below := uint64(0)
	for i := range counts {
		below += counts[i] - before[i]
		if total > 0 && float64(below) >= part*float64(total) {
			return i, true
		}
	}
	return 0, false
}

// openFiles is how many descriptors are open.
func (r *readings) openFiles() int {
	const folder = "/proc/self/fd"
	if info, err := os.Stat(folder); err == nil && info.Size() > 0 {
		return int(info.Size())
	}
	if now := time.Now(); now.Sub(r.countedFor) >= countFilesEvery {
		r.countedFor = now
		if names, err := os.ReadDir(folder); err == nil {
			r.files = len(names)
		}
	}
	return r.files
}
