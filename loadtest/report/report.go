package report

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"weir/loadtest/client"
	"weir/loadtest/hostile"
	"weir/loadtest/observe"
)

// Schema names the layout of a report's JSON; docs/LOAD.md describes it. It changes when a field changes its meaning.
const Schema = "weir-load/1"

// Outcome is how a run ended.
type Outcome string

const (
	// Held: the run went to its end and every mark held.
	Held Outcome = "held"
	// Missed: the run went to its end and a mark did not hold.
	Missed Outcome = "missed"
	// Partial: the run ended early (Report.Problem says why); what it had seen is reported.
	Partial Outcome = "partial"
	// Skipped: the server lacks what the scenario needs (Report.Problem says what); nothing was run.
	Skipped Outcome = "skipped"
)

// Report is everything that a run found out.
type Report struct {
	Schema    string          `json:"schema"`
	Scenario  string          `json:"scenario"`
	Question  string          `json:"question"`
	Outcome   Outcome         `json:"outcome"`
	Problem   string          `json:"problem,omitempty"`
	Started   time.Time       `json:"started"`
	Seconds   float64         `json:"seconds"`
	Command   string          `json:"command"`
	Version   string          `json:"version"` // of the generator
	Commit    string          `json:"commit"`
	Target    TargetReport    `json:"target"`
	Machine   observe.Host    `json:"machine"`
	Generator GeneratorReport `json:"generator"`
	Server    ServerReport    `json:"server"`
	Capacity  float64         `json:"capacity_per_second,omitempty"` // as measured before the first phase
	Marks     []MarkReport    `json:"marks"`
	Total     PhaseReport     `json:"total"`
	Phases    []PhaseReport   `json:"phases"`
	Hostile   *HostileReport  `json:"hostile,omitempty"`
	Streams   *StreamCounts   `json:"streams,omitempty"`
	Series    []Point         `json:"series"`
	Notes     []string        `json:"notes,omitempty"`
}

// TargetReport is what was measured.
type TargetReport struct {
	URL       string `json:"url"`
	Transport string `json:"transport"`
	Era       string `json:"era"`
	Revision  string `json:"revision"`
	Server    string `json:"server,omitempty"` // its own name and version
	Call      string `json:"call"`
}

// GeneratorReport is what measured it, and whether it could keep up.
type GeneratorReport struct {
	Workers    int     `json:"workers"` // processes
	Loops      int     `json:"loops"`   // in each
	Window     int     `json:"window"`
	TickMS     float64 `json:"tick_ms"`
	Sources    int     `json:"source_addresses"`
	Cores      float64 `json:"cores_used"` // on average
	LateP99    float64 `json:"late_p99_ms"`
	LateMax    float64 `json:"late_max_ms"`
	Bottleneck bool    `json:"bottleneck"`
}

// ServerReport is what the run cost the server; a figure that could not be read is 0.
type ServerReport struct {
	PID                 int                  `json:"pid,omitempty"`
	Limits              observe.ServerLimits `json:"limits"`
	CPUSeconds          float64              `json:"cpu_seconds,omitempty"`
	CPUMicrosPerMessage float64              `json:"cpu_micros_per_message,omitempty"`
	Cores               float64              `json:"cores_used,omitempty"`
	StartBytes          int64                `json:"resident_start_bytes,omitempty"`
	PeakBytes           int64                `json:"resident_peak_bytes,omitempty"`
	EndBytes            int64                `json:"resident_end_bytes,omitempty"`
	// growth of resident memory at the most connections, from 1,000 of them
	BytesPerConnection int64   `json:"bytes_per_connection,omitempty"`
	Goroutines         int     `json:"goroutines_peak,omitempty"`
	QueuePeak          int64   `json:"queue_peak_messages,omitempty"`
	Refusals           float64 `json:"refusals,omitempty"` // as the server counts them
	// Closed is the connections that ended meanwhile, by the server's own reasons.
	Closed              map[string]uint64 `json:"closed,omitempty"`
	PauseP99            float64           `json:"gc_pause_p99_ms,omitempty"`
	PauseMax            float64           `json:"gc_pause_max_ms,omitempty"`
	SocketPeakBytes     int64             `json:"socket_peak_bytes"`      // buffers of all TCP sockets, both ends
	SocketPerConnection int64             `json:"socket_bytes_per_conn"`  // its growth at the most connections
	SlabGrowthBytes     int64             `json:"slab_growth_bytes"`      // the machine's kernel objects
	SlabPerConnection   int64             `json:"slab_bytes_per_conn"`    // at the most connections, both ends
	ListenDrops         int64             `json:"listen_drops"`           // during the run
	ListenOverflows     int64             `json:"listen_queue_overflows"` // during the run
}

// HostileReport is the misbehaving clients, and what became of them.
type HostileReport struct {
	Clients hostile.Clients `json:"clients"`
	Counts  hostile.Counts  `json:"counts"`
}

// StreamCounts is what event streams have shown.
type StreamCounts struct {
	Open   uint64 `json:"open"`
	Events uint64 `json:"events"`
	Ended  uint64 `json:"ended_by_server"`
	Bad    uint64 `json:"bad"`
}

// Tally is where calls and connections ended. Sent = Results + ToolErrors + Errors + Refused + Cancelled + Lost +
// Unexplained (over the whole run; within a phase what is in flight at its ends belongs to its neighbours).
type Tally struct {
	client.Outcomes
	NeverSent      uint64 `json:"never_sent" unit:"calls" help:"of the planned; over the whole run"`
	Unexplained    uint64 `json:"unexplained" unit:"calls" ended:"unexplained" help:"in flight after the grace at the end"`
	TurnedAway     uint64 `json:"turned_away" unit:"connections" help:"refused by name"`
	ConnectFailed  uint64 `json:"connect_failed" unit:"connections" help:"not made, or ended before they were open"`
	ClosedByServer uint64 `json:"closed_by_server" unit:"connections" help:"ended by the server after they were open"`
}

// Latency is a distribution in milliseconds.
type Latency struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50_ms"`
	P95   float64 `json:"p95_ms"`
	P99   float64 `json:"p99_ms"`
	P999  float64 `json:"p999_ms"`
	Max   float64 `json:"max_ms"`
}

// LatencyOf reads a histogram of microseconds.
func LatencyOf(h *hdrhistogram.Histogram) Latency {
	ms := func(q float64) float64 { return float64(h.ValueAtQuantile(q)) / 1000 }
	return Latency{Count: h.TotalCount(), P50: ms(50), P95: ms(95), P99: ms(99), P999: ms(99.9),
		Max: float64(h.Max()) / 1000}
}

// P99 is what 99 of 100 took, in milliseconds, of a histogram of microseconds.
func P99(h *hdrhistogram.Histogram) float64 { return LatencyOf(h).P99 }

// PhaseReport is one phase, or the whole.
type PhaseReport struct {
	Name      string  `json:"name"`
	Seconds   float64 `json:"seconds"`
	Judged    bool    `json:"judged"`
	Overload  bool    `json:"overload,omitempty"`
	Tally     Tally   `json:"tally"`
	SentRate  float64 `json:"sent_per_second"`
	Answered  float64 `json:"answered_per_second"` // results, tool errors and errors
	Refused   float64 `json:"refused_per_second"`
	Latency   Latency `json:"latency"` // of the answered, from the plan
	Service   Latency `json:"service"` // the same from the write: a sample
	Refusal   Latency `json:"refusal_latency"`
	Opening   Latency `json:"opening"`         // from connect to open
	ErrorRate float64 `json:"error_rate"`      // errors, tool errors, lost and bad, of sent
	Refusals  float64 `json:"refusal_rate"`    // of sent
	Connected float64 `json:"connect_success"` // opened, of opened, failed and turned away
	PeakOpen  uint64  `json:"connections_peak"`
	PeakBytes int64   `json:"resident_peak_bytes,omitempty"`
	PeakQueue int64   `json:"queue_peak_messages,omitempty"`
	Cores     float64 `json:"server_cores,omitempty"`
}

// Point is one step of the time series. Rates are of the step.
type Point struct {
	At         float64 `json:"t"` // seconds since the beginning, the end of the step
	Phase      int     `json:"phase"`
	Open       uint64  `json:"connections"`
	Planned    float64 `json:"planned_per_second"`
	Sent       float64 `json:"sent_per_second"`
	Answered   float64 `json:"answered_per_second"`
	Refused    float64 `json:"refused_per_second"`
	Failed     float64 `json:"failed_per_second"` // errors, tool errors, lost, bad
	InFlight   uint64  `json:"in_flight"`
	P50        float64 `json:"p50_ms"`
	P95        float64 `json:"p95_ms"`
	P99        float64 `json:"p99_ms"`
	Max        float64 `json:"max_ms"`
	LateP99    float64 `json:"late_p99_ms"`
	Generator  float64 `json:"generator_cores"`
	ServerCPU  float64 `json:"server_cores"`
	Resident   int64   `json:"resident_bytes"`
	Goroutines int     `json:"goroutines"`
	Queue      int64   `json:"queue_messages"`
	Sockets    int64   `json:"socket_bytes"`
	Slabs      int64   `json:"slab_growth_bytes"`
	Drops      int64   `json:"listen_drops"`
}

// MarkReport is one pass mark.
type MarkReport struct {
	Name string `json:"name"`
	Want string `json:"want"`
	Got  string `json:"got"`
	Held bool   `json:"held"`
	// Unknown: what the mark is about could not be seen; it is not judged, and does not fail the run.
	Unknown bool `json:"unknown,omitempty"`
}

// Write writes the report as JSON into a file.
func (r *Report) Write(file string) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err := os.WriteFile(file, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// ReadReport reads what Write wrote.
func ReadReport(file string) (*Report, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxReportBytes))
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	var r Report
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("report: %s is not a report of weir load: %w", file, err)
	}
	if r.Schema != Schema {
		return nil, fmt.Errorf("report: %s has the schema %q, this program reads %q", file, r.Schema, Schema)
	}
	if t := &r.Total.Tally; t.NeverSent == 0 && t.Planned > t.Sent { // from before it was counted by name
		t.NeverSent = t.Planned - t.Sent
	}
	return &r, nil
}

const maxReportBytes = 256 << 20
