package call

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// TestOperations: the counts are those of calls, off by what one sample stands for; each way to fail is told apart, and
// a tool that has gone is forgotten.
func TestOperations(t *testing.T) {
	var all Operations
	latency, set := &Latency{}, metrics.NewSet()
	echo, prompts := NewToolSeries(set, "echo", latency, &all, nil), NewMethodSeries(set, "prompts/get", &all)
	value := func(series string) (n int) {
		t.Helper()
		var page strings.Builder
		all.Write(&page)
		_, after, found := strings.Cut(page.String(), series+" ")
		if !found {
			return -1
		}
		if _, err := fmt.Sscan(after, &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	const count = `mcp_server_operation_duration_seconds_count{mcp_method_name="tools/call",gen_ai_tool_name="echo"`
	for calls := 1; calls <= 5000; calls++ {
		echo.Finished(echo.Start(), 0, EndedOK)
		if n := value(count + "}"); n > calls || n < calls-sampleEvery+1 {
			t.Fatalf("after %d calls the count is %d", calls, n)
		}
	}
	echo.Finished(echo.Start(), time.Hour, EndedToolError) // the 5001st, which is not timed
	if n := value(count + `,error_type="tool_error"}`); n != -1 {
		t.Errorf("a call that is not timed is %d", n)
	}
	prompts.Finished(prompts.Start(), 15*time.Millisecond, EndedPanic)
	prompts.Late(EndedTimeout, 400*time.Second)
	const of = `mcp_server_operation_duration_seconds_bucket{mcp_method_name="prompts/get",error_type=`
	for series, want := range map[string]int{
		`"panic",le="0.01"}`: 0, `"panic",le="0.02"}`: 1, `"panic",le="+Inf"}`: 1,
		`"handler_timeout",le="300"}`: 0, `"handler_timeout",le="+Inf"}`: 1,
	} {
		if n := value(of + series); n != want {
			t.Errorf("%s is %d, want %d", series, n, want)
		}
	}
	all.Drop("echo")
	if n := value(count + "}"); n != -1 {
		t.Errorf("a tool that has gone still has %d calls", n)
	}
}

// BenchmarkSeries is what counting a call costs: most are not timed.
func BenchmarkSeries(b *testing.B) {
	s := NewToolSeries(metrics.NewSet(), "echo", &Latency{}, &Operations{}, nil)
	b.ReportAllocs()
	for b.Loop() {
		s.Finished(s.Start(), 0, EndedOK)
	}
}
