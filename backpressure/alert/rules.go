package alert

import (
	"fmt"
	"strconv"
	"time"
)

// Severity says how soon somebody must look. The words are Alertmanager's customary ones.
type Severity string

const (
	Warning  Severity = "warning"  // yellow: look at it today
	Critical Severity = "critical" // red: look at it now
)

// The names of the alerts, the same here, in docs/deploy/alerts.yml, on the wire and as headings of docs/OPERATING.md.
const (
	ErrorRate     = "WeirErrorRate"
	ErrorRateHigh = "WeirErrorRateHigh"
	EmergencyStop = "WeirEmergencyStop"
	Slow          = "WeirSlow"
	Memory        = "WeirMemory"
	Connections   = "WeirConnections"
	NodeLost      = "WeirNodeLost"
	CallsWait     = "WeirCallsWait"
)

// measure is what a rule looks at.
type measure uint8

const (
	errorRate measure = iota
	p95
	memory
	connections
	lostNodes
	queueFill
)

// rule is one alert. The table has all there are.
type rule struct {
	name     string
	severity Severity
	of       measure
	summary  string
	limit    func(o *Options, r *Reading) (fires, clears float64) // it fires above, clears below; 0: never
	after    func(o *Options) time.Duration                       // how long above it; nil: at once
	expr     func(o *Options) string                              // the same for Prometheus
}

// clearsAt is the part of its threshold below which an alert clears.
var clearsAt = [...]float64{errorRate: 0.8, p95: 0.9, memory: 0.95, connections: 0.95, lostNodes: 1, queueFill: 0.8}

func (m measure) limits(fires float64) (float64, float64) { return fires, fires * clearsAt[m] }

var rules = [...]rule{
	{
		name: ErrorRate, severity: Warning, of: errorRate,
		summary: "more calls than usual end in an error of the server",
		limit:   func(o *Options, _ *Reading) (float64, float64) { return errorRate.limits(o.ErrorRate) },
		expr:    func(o *Options) string { return o.rateExpr(ErrorRate, o.ErrorRate) },
	},
	{
		name: ErrorRateHigh, severity: Critical, of: errorRate,
		summary: "many calls end in an error of the server",
		limit:   func(o *Options, _ *Reading) (float64, float64) { return errorRate.limits(o.HighErrorRate) },
		expr:    func(o *Options) string { return o.rateExpr(ErrorRateHigh, o.HighErrorRate) },
	},
	{
		name: EmergencyStop, severity: Critical, of: errorRate,
		summary: "so many calls fail that calls of tools that wait are refused (emergency_stop)",
		limit:   func(o *Options, _ *Reading) (float64, float64) { return o.StopErrorRate, o.ResumeErrorRate },
		expr:    func(*Options) string { return "weir_emergency_stop == 1" },
	},
	{
		name: Slow, severity: Warning, of: p95,
		summary: "tools that only compute are slow: the p95 of their calls is above what is promised",
		limit:   func(o *Options, _ *Reading) (float64, float64) { return p95.limits(o.P95.Seconds()) },
		expr:    (*Options).slowExpr,
	},
	{
		name: Memory, severity: Critical, of: memory,
		summary: "the process has more memory than it should",
		limit:   func(o *Options, _ *Reading) (float64, float64) { return memory.limits(float64(o.MemoryBytes)) },
		after:   func(o *Options) time.Duration { return o.MemoryFor },
		expr:    (*Options).memoryExpr,
	},
	{
		name: Connections, severity: Warning, of: connections,
		summary: "the soft limit of connections is reached: at max_connections newcomers are refused",
		limit: func(_ *Options, r *Reading) (float64, float64) { // as weir_connections_soft_exceeded: from the limit on
			soft := r.SoftConnections
			return float64(soft) - 0.5, float64(soft-soft/20) - 0.5
		},
		expr: func(*Options) string { return "weir_connections_soft_exceeded == 1" },
	},
	{
		name: NodeLost, severity: Critical, of: lostNodes,
		summary: "a node of the cluster is not heard any more, and has not said that it stops",
		limit:   func(*Options, *Reading) (float64, float64) { return lostNodes.limits(0.5) },
		expr:    func(*Options) string { return `weir_cluster_nodes{state="dead"} > 0` },
	},
	{
		name: CallsWait, severity: Warning, of: queueFill,
		summary: "the queue to the workers is more than half full: calls come faster than workers serve them",
		limit:   func(*Options, *Reading) (float64, float64) { return queueFill.limits(0.5) },
		expr: func(*Options) string {
			return "weir_cluster_queue_held_messages > 0.5 * weir_cluster_queue_held_limit_messages"
		},
	},
}

// Names are those of all alerts, in the order of the table.
func Names() (names []string) {
	for i := range rules {
		names = append(names, rules[i].name)
	}
	return names
}

// say is a value of the measure for people.
func (m measure) say(v float64) string {
	switch m {
	case errorRate:
		return fmt.Sprintf("%.4g %%", 100*v)
	case p95:
		return time.Duration(v * float64(time.Second)).Round(100 * time.Microsecond).String()
	case memory:
		return fmt.Sprintf("%.0f MiB", v/(1<<20))
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// runbook is where an alert is explained.
func (r *rule) runbook() string { return "docs/OPERATING.md#" + anchor(r.name) }

// anchor is how a heading is addressed.
func anchor(heading string) string {
	lower := []byte(heading)
	for i, c := range lower {
		if 'A' <= c && c <= 'Z' {
			lower[i] = c + 'a' - 'A'
		}
	}
	return string(lower)
}
