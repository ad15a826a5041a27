package harness

import "testing"

func TestReadWrk(t *testing.T) {
	const said = `Running 2s test @ http://127.0.0.1:1/mcp
  1 threads and 100 connections
  Latency Distribution
     50%  641.00us
     99%    3.67ms
  196139 requests in 2.01s, 58.73MB read
Requests/sec:  97822.35
Transfer/sec:     29.29MB
`
	if got, err := ReadWrk(said); err != nil || got != (WrkSummary{196139, 97822.35, 641}) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, text := range []string{"", said + "  Non-2xx or 3xx responses: 5\n", said +
		"  Socket errors: connect 0, read 1\n"} {
		if got, err := ReadWrk(text); err == nil {
			t.Errorf("%q: %+v", text, got)
		}
	}
}
