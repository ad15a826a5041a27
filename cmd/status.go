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
	"weir/reactor"
	"weir/reactor/mount"
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
	Mounts      []mountStatus           `json:"mounts,omitempty"`
	Holders     []holderStatus          `json:"holders"` // who makes the server hold most, the largest first
}

// holdersShown is how many of them are shown.
const holdersShown = 10

// holderStatus is a connection, or a session of HTTP, and where the bytes are that it holds; those that are 0 are left
// out. docs/OPERATING.md says what each is.
type holderStatus struct {
	Kind       string `json:"kind"`                // connection or session
	Transport  string `json:"transport,omitempty"` // of a connection
	Peer       string `json:"peer,omitempty"`
	Principal  string `json:"principal,omitempty"`
	Bytes      int    `json:"bytes"`
	Unfinished int    `json:"unfinished,omitempty"`
	Unread     int    `json:"unread,omitempty"`
	Kept       int    `json:"kept,omitempty"`
	Queued     int    `json:"queued,omitempty"`
	Suspended  int    `json:"suspended,omitempty"`
	Subscribed int    `json:"subscribed,omitempty"`
	Events     int    `json:"events,omitempty"`
	Cancelled  int    `json:"cancelled,omitempty"`
}

func holdersNow(s *reactor.Server) []holderStatus {
	shown := []holderStatus{}
	for _, h := range s.Holders(holdersShown) {
		kind := "connection"
		if h.Session {
			kind = "session"
		}
		shown = append(shown, holderStatus{Kind: kind, Transport: h.Transport, Peer: h.Peer, Principal: h.Principal,
			Bytes: h.Total(), Unfinished: h.Unfinished, Unread: h.Unread, Kept: h.Kept, Queued: h.Queued,
			Suspended: h.Suspended, Subscribed: h.Subscribed, Events: h.Events, Cancelled: h.Cancelled})
	}
	return shown
}

// mountStatus is one mount.
type mountStatus struct {
	Name      string `json:"name"`
	Up        bool   `json:"up"`
	Why       string `json:"why,omitempty"` // it is not, in the word of the metrics
	Tools     int    `json:"tools"`
	Prompts   int    `json:"prompts"`
	Resources int    `json:"resources"`
	InFlight  int    `json:"in_flight"`
	Waiting   int    `json:"waiting"`
	Breaker   string `json:"breaker"` // closed, half_open or open
}

func mountsNow(now []mount.Status) []mountStatus {
	var shown []mountStatus
	for _, m := range now {
		shown = append(shown, mountStatus{m.Name, m.Up, m.Why, m.Tools, m.Prompts, m.Resources, m.InFlight, m.Waiting,
			m.Breaker.String()})
	}
	return shown
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
		Live: func(since int64) any { return s.live.Look(since) }, Connections: s.connections, Kick: s.kick,
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
		Mounts:  mountsNow(now.Mounts),
		Holders: holdersNow(s.reactor),
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
