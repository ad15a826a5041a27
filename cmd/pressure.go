package cmd

import (
	"math"
	"sync"
	"time"

	"weir/backpressure"
	"weir/backpressure/pressure"
	"weir/cmd/live"
	"weir/cmd/process"
)

// pressureInterval is how often the process looks what it is short of.
const pressureInterval = 250 * time.Millisecond

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

// status is what /status and /live say of it.
func (w *strain) status() live.Pressure {
	now := w.state()
	return live.Pressure{Level: now.Level.String(), Memory: round(now.Memory), Descriptors: round(now.Descriptors),
		Scheduling: round(now.Scheduling), Queue: round(now.Queue)}
}

// readings are what s is now. One goroutine at a time.
func readings(s *server) func() pressure.Reading {
	reader := process.NewReader(s.config.budgets.limit.Bytes)
	return func() pressure.Reading {
		now := s.reactor.Status()
		reading := reader.Read(now.Waits, backpressure.WaitBounds())
		reading.Connections, reading.FileLimit = now.Connections, int(min(openFileLimit(), 1<<30))
		return reading
	}
}
