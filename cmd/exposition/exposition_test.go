package exposition

import "testing"

func TestPage(t *testing.T) {
	f := func(samples, want string) {
		t.Helper()
		if got := string(Page([]byte(samples))); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
	f("", "")
	f("weir_loops 2\n", "# HELP weir_loops event loops\n# TYPE weir_loops gauge\nweir_loops 2\n")
	f("weir_queue_wait_seconds_bucket{class=\"compute\",le=\"+Inf\"} 1\nweir_queue_wait_seconds_sum 2\n"+
		"weir_queue_wait_seconds_count 1\n",
		"# HELP weir_queue_wait_seconds how long the oldest message of each batch had waited\n"+
			"# TYPE weir_queue_wait_seconds histogram\n"+
			"weir_queue_wait_seconds_bucket{class=\"compute\",le=\"+Inf\"} 1\nweir_queue_wait_seconds_sum 2\n"+
			"weir_queue_wait_seconds_count 1\n")
	// Code is marked on the page alone; comments of the library, and what it misnames, are left out.
	f("# TYPE go_memlimit_bytes gauge\ngo_memlimit_bytes 1\ngo_cgo_calls_count 1\n",
		"# HELP go_memlimit_bytes soft limit of the collector, memory_limit_bytes\n"+
			"# TYPE go_memlimit_bytes gauge\ngo_memlimit_bytes 1\n")
	f("somebody_elses{a=\"b\"} 1\n", "somebody_elses{a=\"b\"} 1\n") // not known
}
