package alert

import (
	"fmt"
	"strings"
	"time"
)

// The same rules for a Prometheus that scrapes the server. Its rules forget what fired, so that what is to clear at
// another value than it fires at asks ALERTS, Prometheus' own series, whether the alert fires.

// perServer is how samples of one server are brought together.
const perServer = "sum by (job, instance) "

// rateExpr is the error rate above a threshold, or above where it clears while the alert fires.
func (o *Options) rateExpr(name string, fires float64) string {
	window := promTime(o.Window)
	calls := fmt.Sprintf("%s({__name__=~\"weir_(tool|handler)_calls_total\"}[%s])", "increase", window)
	failed := fmt.Sprintf("increase({__name__=~\"weir_(tool|handler)_calls_total\", outcome=~%q}[%s])",
		strings.Join(FailedOutcomes, "|"), window)
	rate := fmt.Sprintf("(%s(%s) / (%s(%s) > 0))", perServer, failed, perServer, calls)
	enough := fmt.Sprintf("%s(%s) >= %d", perServer, calls, o.MinCalls)
	return hysteresis(name, rate, fires, clearsAt[errorRate], enough)
}

// FailedOutcomes are the words of the label outcome that count as errors.
var FailedOutcomes = []string{"error", "panic", "handler_timeout"}

func (o *Options) slowExpr() string {
	window := promTime(o.Window)
	value := fmt.Sprintf("histogram_quantile(0.95, sum by (job, instance, le) "+
		"(increase(weir_call_duration_seconds_bucket{class=\"compute\"}[%s])))", window)
	enough := fmt.Sprintf("%s(increase(weir_call_duration_seconds_count{class=\"compute\"}[%s])) >= %d", perServer, window,
		o.minSamples())
	return hysteresis(Slow, value, o.P95.Seconds(), clearsAt[p95], enough)
}

func (o *Options) memoryExpr() string {
	value := "(process_resident_memory_bytes and on (job, instance) weir_connections)"
	return hysteresis(Memory, value, float64(o.MemoryBytes), clearsAt[memory], "")
}

// hysteresis fires above a threshold, if there is enough to judge by, and while it fires goes on above a part of it.
func hysteresis(name, value string, fires, part float64, enough string) string {
	begin := fmt.Sprintf("%s > %s", value, promNumber(fires))
	if enough != "" {
		begin = fmt.Sprintf("(%s and %s)", begin, enough)
	}
	return fmt.Sprintf("%s\nor\n(%s > %s and on (job, instance) ALERTS{alertname=%q, alertstate=\"firing\"})",
		begin, value, promNumber(fires*part), name)
}

func promNumber(v float64) string { return fmt.Sprintf("%.10g", v) }

func promTime(d time.Duration) string { return fmt.Sprintf("%dms", d.Milliseconds()) }

const rulesHead = `# The alerts of Weir for Prometheus (2.42 or later: keep_firing_for). Written by "make docs" from the table in
# backpressure/alert, with the default thresholds; a test fails when it is stale. Its Alertmanager gets the alerts that
# the server itself sends to alerts.webhook.url, under the same names: use one of the two, or route them apart.
# docs/OPERATING.md has a heading for each.
groups:
  - name: weir
    interval: %s
    rules:
`

// Rules is a rules file for Prometheus with the thresholds of o. Rules without a threshold are left out.
func Rules(o Options) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, rulesHead, promTime(max(o.Interval(), o.Window/12)))
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
