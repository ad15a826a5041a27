package live

import (
	"cmp"
	"math"
	"slices"
	"strconv"

	"weir/cmd/exposition"
)

// tool is a Tool while it is read.
type tool struct {
	Tool
	bounds []float64
	upTo   []float64 // samples up to each bound, and all of them last
}

// readTool takes what s says of calls, and says whether it was anything.
func (l *Look) readTool(s *exposition.Sample, tools map[string]*tool) bool {
	of := func(name string) *tool {
		t := tools[name]
		if t == nil {
			t = &tool{Tool: Tool{Name: name}}
			tools[name] = t
		}
		return t
	}
	switch s.Name {
	case "weir_tool_calls_total":
		l.addCalls(s, &of(s.Label("tool")).Tool)
	case "weir_handler_calls_total":
		l.addCalls(s, &Tool{})
	case "weir_tool_duration_seconds_bucket":
		t := of(s.Label("tool"))
		bound, err := strconv.ParseFloat(s.Label("le"), 64)
		if err != nil {
			return true
		}
		if !math.IsInf(bound, 1) {
			t.bounds = append(t.bounds, bound)
		}
		t.upTo = append(t.upTo, s.Value)
	default:
		return false
	}
	return true
}

func (l *Look) addCalls(s *exposition.Sample, t *Tool) {
	n := uint64(s.Value)
	t.Calls += n
	l.Calls.Total += n
	switch s.Label("outcome") {
	case "error", "panic", "handler_timeout":
		t.Failed += n
		l.Calls.Errors += n
	case "tool_error":
		t.Told += n
	}
}

// setTools puts the tools into their order.
func (l *Look) setTools(tools map[string]*tool) {
	l.Tools = []Tool{}
	for _, t := range tools {
		t.P50, t.P95 = t.quantile(0.5), t.quantile(0.95)
		l.Tools = append(l.Tools, t.Tool)
	}
	slices.SortFunc(l.Tools, func(a, b Tool) int {
		return cmp.Or(cmp.Compare(b.Calls, a.Calls), cmp.Compare(a.Name, b.Name))
	})
	l.OtherTools = max(0, len(l.Tools)-MaxTools)
	l.Tools = l.Tools[:min(MaxTools, len(l.Tools))]
}

func (t *tool) quantile(q float64) Number {
	if len(t.bounds) == 0 || len(t.upTo) != len(t.bounds)+1 {
		return Unknown
	}
	counts := slices.Clone(t.upTo)
	for i := len(counts) - 1; i > 0; i-- {
		counts[i] -= counts[i-1]
	}
	return quantile(q, t.bounds, counts)
}
