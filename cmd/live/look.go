package live

import (
	"time"

	"weir/backpressure/alert"
)

// Look is a server at one moment. Totals count from its start.
type Look struct {
	Facts
	Time        time.Time   `json:"time"` // of the server's clock
	Connections Connections `json:"connections"`
	Calls       Calls       `json:"calls"`
	Latency     []Latency   `json:"latency"` // of all calls first, then by class
	Queue       Queue       `json:"queue"`
	Workers     []Workers   `json:"workers"`
	Loops       []Loop      `json:"loops"`
	Refusals    []Counted   `json:"refusals"` // those that occurred, the most frequent first
	Closed      []Counted   `json:"closed"`   // the same of connections that ended
	Tools       []Tool      `json:"tools"`    // the most called first, at most MaxTools
	OtherTools  int         `json:"other_tools"`
	Memory      Memory      `json:"memory"`
	History     History     `json:"history"`
}

// Facts are what no series says.
type Facts struct {
	Program   string            `json:"program"`
	Version   string            `json:"version"`
	Commit    string            `json:"commit"`
	PID       int               `json:"pid"`
	Started   time.Time         `json:"started"`
	Listeners map[string]string `json:"listeners"`
	Refusing  string            `json:"refusing"` // why newcomers are turned away; "" is ready
	Pressure  Pressure          `json:"pressure"`
	Alerts    []alert.Alert     `json:"alerts"` // those that fire
	// Tokens says whether the admin listener asks for tokens; connections are ended only by who has one.
	Tokens bool `json:"tokens"`
}

// Pressure is what the process is short of, as parts of what there is, and what gives way for it.
type Pressure struct {
	Level       string  `json:"level"`
	Memory      float64 `json:"memory"`
	Descriptors float64 `json:"descriptors"`
	Scheduling  float64 `json:"scheduling"`
	Queue       float64 `json:"queue"`
}

// Connections are those that are open.
type Connections struct {
	Open       int          `json:"open"`
	Peak       int          `json:"peak"`
	SoftLimit  int          `json:"soft_limit"`
	Limit      int          `json:"limit"`
	Accepted   uint64       `json:"accepted"`
	AcceptRate int          `json:"accept_rate"` // in the last full second
	Transports []Connection `json:"transports"`
}

// Connection is how many speak one transport.
type Connection struct {
	Transport string `json:"transport"`
	Open      int    `json:"open"`
}

// Calls are those of all handlers that have finished. Rates are of the last second that was sampled.
type Calls struct {
	Total     uint64 `json:"total"`
	Errors    uint64 `json:"errors"` // that were the server's fault
	PerSecond Number `json:"per_second"`
	ErrorRate Number `json:"errors_per_second"`
	Refused   Number `json:"refused_per_second"`
}

// Latency is how long the calls of tools took, from their admission to the end of their handlers, in the last
// LatencyWindow; in seconds. Of a sample of the calls.
type Latency struct {
	Class   string `json:"class"`
	P50     Number `json:"p50"`
	P95     Number `json:"p95"`
	P99     Number `json:"p99"`
	Samples uint64 `json:"samples"`
}

// Queue is what waits.
type Queue struct {
	Waiting      int    `json:"waiting"`
	Limit        int    `json:"limit"`
	Peak         int    `json:"peak"`
	Bytes        int64  `json:"bytes"` // of what waits or runs
	LimitBytes   int64  `json:"limit_bytes"`
	ExpectedWait Number `json:"expected_wait"` // in seconds
	Overloaded   bool   `json:"overloaded"`
}

// Workers are those of a class. Busy ones of class compute are those that have something to do.
type Workers struct {
	Class     string `json:"class"`
	Alive     int    `json:"alive"`
	Busy      int    `json:"busy"`
	Executing int    `json:"executing"` // messages
}

// Loop is an event loop.
type Loop struct {
	Connections int    `json:"connections"`
	Busy        Number `json:"busy"` // the part of the last second that it spent in turns
}

// Counted is how often something occurred.
type Counted struct {
	Reason string `json:"reason"`
	Total  uint64 `json:"total"`
}

// MaxTools bounds the tools of a Look.
const MaxTools = 100

// Tool is a tool and its calls. Handlers' times are of a sample, since the start, in seconds.
type Tool struct {
	Name   string `json:"name"`
	Calls  uint64 `json:"calls"`
	Failed uint64 `json:"failed"` // of them, those that ended as error, panic or handler_timeout
	Told   uint64 `json:"told"`   // of them, those that ended as tool_error
	P50    Number `json:"p50"`
	P95    Number `json:"p95"`
}

// Memory is that of the process.
type Memory struct {
	ResidentBytes int64 `json:"resident_bytes"`
	LimitBytes    int64 `json:"limit_bytes"` // what it may have; 0: nobody knows
	InputBytes    int64 `json:"input_bytes"` // unfinished messages
	OutboxBytes   int64 `json:"outbox_bytes"`
	Sessions      int   `json:"sessions"`
	Tasks         int   `json:"tasks"`
	Subscriptions int   `json:"subscriptions"`
}

// History are the curves, a value for each of the seconds.
type History struct {
	Seconds []int64             `json:"seconds"` // since 1970
	Curves  map[string][]Number `json:"curves"`
}
