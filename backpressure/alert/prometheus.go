package alert

import (
	"fmt"
	"strings"
	"time"
)

// The same rules for a Prometheus that scrapes the server. Its rules forget what fired, so that what is to clear at
// another value than it fires at asks ALERTS, Prometheus' own series, whether the alert fires.

// records are series that Prometheus computes first, one sample for each server.
func (o *Options) records() [][2]string {
	const calls, latency = `{__name__=~"weir_(tool|handler)_calls_total"}`, `weir_call_duration_seconds`
	window := "[" + promTime(o.Window) + "]"
	failed := strings.TrimSuffix(calls, "}") + fmt.Sprintf(", outcome=~%q}", strings.Join(FailedOutcomes, "|"))
	return [][2]string{
		{"weir:calls", "sum by (job, instance) (increase(" + calls + window + "))"},
		{"weir:error_rate", "sum by (job, instance) (increase(" + failed + window + ")) / (weir:calls > 0)"},
		{"weir:timed_calls", "sum by (job, instance) (increase(" + latency + `_count{class="compute"}` + window + "))"},
		{"weir:p95_seconds", "histogram_quantile(0.95, sum by (job, instance, le) (increase(" + latency +
			`_bucket{class="compute"}` + window + ")))"},
	}
}

// FailedOutcomes are the words of the label outcome that count as errors.
var FailedOutcomes = []string{"error", "panic", "handler_timeout"}

func (o *Options) rateExpr(name string, fires float64) string {
	return hysteresis(name, "weir:error_rate", fires, clearsAt[errorRate], fmt.Sprintf("weir:calls >= %d", o.MinCalls))
}

func (o *Options) slowExpr() string {
	return hysteresis(Slow, "weir:p95_seconds", o.P95.Seconds(), clearsAt[p95],
		fmt.Sprintf("weir:timed_calls >= %d", o.minSamples()))
}

func (o *Options) memoryExpr() string {
	value := "(process_resident_memory_bytes and on (job, instance) weir_connections)"
	return hysteresis(Memory, value, float64(o.MemoryBytes), clearsAt[memory], "")
}

// hysteresis fires above a threshold, if there is enough to judge by, and while it fires goes on above a part of it.
func hysteresis(name, value string, fires, part float64, enough string) string {
	begin := fmt.Sprintf("%s > %s", value, promNumber(fires))
	if enough != "" {
		begin = fmt.Sprintf("(%s and on (job, instance) %s)", begin, enough)
	}
	return fmt.Sprintf("%s\nor\n(%s > %s and on (job, instance) ALERTS{alertname=%q, alertstate=\"firing\"})",
		begin, value, promNumber(fires*part), name)
}

func promNumber(v float64) string { return fmt.Sprintf("%.10g", v) }

func promTime(d time.Duration) string {
	if d%time.Second == 0 {
		return fmt.Sprintf("%ds", int64(d.Seconds()))
	}
	return fmt.Sprintf("%dms", d.Milliseconds())
}

const rulesHead = `# The alerts of Weir for Prometheus (2.42 or later: keep_firing_for). Written by "make docs" from the
# table in backpressure/alert, with the default thresholds; a test fails when it is stale. Its Alertmanager gets the
# alerts that the server itself sends to alerts.webhook.url, under the same names: use one of the two, or route them
# apart. docs/OPERATING.md has a heading for each.
groups:
  - name: weir
    interval: %s
    rules:
`

// Rules is a rules file for Prometheus with the thresholds of o. Rules without a threshold are left out.
func Rules(o Options) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, rulesHead, promTime(max(o.Interval(), o.Window/12)))
	for _, record := range o.records() {
		fmt.Fprintf(&b, "      - record: %s\n        expr: |\n          %s\n", record[0], record[1])
	}
	for i := range rules {
		r := &rules[i]
		if fires, _ := r.limit(&o, &Reading{SoftConnections: 1}); fires <= 0 {
			continue
		}
		fmt.Fprintf(&b, "      - alert: %s\n        expr: |\n", r.name)
		for line := range strings.SplitSeq(r.expr(&o), "\n") {
			fmt.Fprintf(&b, "          %s\n", line)
		}
		if r.after != nil {
			fmt.Fprintf(&b, "        for: %s\n", promTime(r.after(&o)))
		}
		if r.name != EmergencyStop { // the server has waited already
			fmt.Fprintf(&b, "        keep_firing_for: %s\n", promTime(o.ClearAfter))
		}
		fmt.Fprintf(&b, "        labels:\n          severity: %s\n", r.severity)
		fmt.Fprintf(&b, "        annotations:\n          summary: %q\n          runbook: %s\n", r.summary, r.runbook())
	}
	return []byte(b.String())
}
