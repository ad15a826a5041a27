package cmd

import (
	"os"
	"runtime"
	runtimemetrics "runtime/metrics"
	"time"

	"weir/cmd/admin"
	"weir/cmd/live"
	"weir/cmd/process"
	"weir/cmd/succession"
)

// status is /status: what an operator asks first, as JSON. Numbers that have a history are on /metrics.
type status struct {
	Version       string     `json:"version"`
	Commit        string     `json:"commit"`
	Go            string     `json:"go"`
	PID           int        `json:"pid"`
	Started       time.Time  `json:"started"`
	UptimeSeconds int64      `json:"uptime_seconds"`
	Refusing      string     `json:"refusing"` // why newcomers are turned away; "" is ready
	DrainingSince *time.Time `json:"draining_since,omitempty"`
	// Predecessor is the process that this one was started by for an upgrade, while that drains.
	Predecessor *succession.Predecessor `json:"predecessor,omitempty"`
	Alerts      []string                `json:"alerts"` // the names of those that fire; /alerts has them all
	Pressure    live.Pressure           `json:"pressure"`
	Listeners   map[string]string       `json:"listeners"`
	Loops       []int64                 `json:"loop_connections"` // how many connections each loop has
	Workers     int                     `json:"workers"`
	Goroutines  int                     `json:"goroutines"`
	Sessions    int                     `json:"sessions"`
	Connections connectionStatus        `json:"connections"`
	Queue       queueStatus             `json:"queue"`
	Memory      memoryStatus            `json:"memory"`
	Mounts      []live.Mount            `json:"mounts,omitempty"`
	Holders     []live.Holder           `json:"holders"` // who makes the server hold most, the largest first
}

type connectionStatus struct {
	Open      int `json:"open"`
	SoftLimit int `json:"soft_limit"`
	Limit     int `json:"limit"`
	Files     int `json:"open_file_limit"`
}

type queueStatus struct {
	WaitingMessages   int `json:"waiting_messages"`
	WaitingLimit      int `json:"waiting_limit_messages"`
	Bytes             int `json:"bytes"`
	LimitBytes        int `json:"limit_bytes"`
	ExecutingCompute  int `json:"executing_compute"`
	ExecutingBlocking int `json:"executing_blocking"`
}

type memoryStatus struct {
	ResidentBytes int64 `json:"resident_bytes"`
	HeapBytes     int64 `json:"heap_bytes"`
	StackBytes    int64 `json:"stack_bytes"`
	LimitBytes    int64 `json:"limit_bytes"`
}

// adminSource is what the admin listener shows of s.
func (s *server) adminSource() admin.Source {
	return admin.Source{Metrics: s.metrics, Status: func() any { return s.status() },
		Alerts:  func() any { return s.watch.rules.Alerts() },
		Refusal: func() string { return s.reactor.Status().Refusing }, Admins: s.admins.Load,
		Cluster: func() any { return s.nodes.Status() },
		Live:    func(since int64) any { return s.live.Look(since) }, Connections: s.connections, Kick: s.kick,
		StatusOf: live.StatusOf}
}

func (s *server) status() status {
	now := s.reactor.Status()
	return status{
		Version:       s.config.program.Version,
		Commit:        commit(),
		Go:            runtime.Version(),
		PID:           os.Getpid(),
		Started:       s.started.UTC(),
		UptimeSeconds: int64(time.Since(s.started).Seconds()),
		Refusing:      now.Refusing,
		DrainingSince: s.draining.Load(),
		Predecessor:   s.succession.Predecessor(),
		Alerts:        s.watch.firing(),
		Pressure:      s.strain.status(),
		Listeners:     s.addresses,
		Loops:         now.LoopConnections,
		Workers:       now.Workers,
		Goroutines:    runtime.NumGoroutine(),
		Sessions:      now.Sessions,
		Connections: connectionStatus{
			Open: now.Connections, SoftLimit: now.SoftConnections, Limit: now.MaxConnections, Files: int(openFileLimit()),
		},
		Queue: queueStatus{
			WaitingMessages:   now.WaitingMessages,
			WaitingLimit:      now.MaxWaitingMessages,
			Bytes:             now.QueueBytes,
			LimitBytes:        now.MaxQueueBytes,
			ExecutingCompute:  now.ExecutingCompute,
			ExecutingBlocking: now.ExecutingBlocking,
		},
		Memory:  memoryNow(),
		Mounts:  live.Mounts(now.Mounts),
		Holders: live.Holders(s.reactor),
	}
}

// memoryNow reads the runtime's own counters, which (unlike ReadMemStats) stop nothing.
func memoryNow() memoryStatus {
	samples := []runtimemetrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"},
		{Name: "/gc/gomemlimit:bytes"},
	}
	runtimemetrics.Read(samples)
	return memoryStatus{
		ResidentBytes: process.ResidentBytes(),
		HeapBytes:     int64(samples[0].Value.Uint64()),
		StackBytes:    int64(samples[1].Value.Uint64()),
		LimitBytes:    int64(samples[2].Value.Uint64()),
	}
}
