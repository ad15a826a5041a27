package cases

import (
	"strings"
	"testing"

	"weir/loadtest/bench/harness"
)

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
	if got, err := readWrk(said); err != nil || got != (wrkSaid{196139, 97822.35, 641}) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, text := range []string{"", said + "  Non-2xx or 3xx responses: 5\n", said + "  Socket errors: connect 0, read 1\n"} {
		if got, err := readWrk(text); err == nil {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

func TestCrosscheckWithoutWrk(t *testing.T) {
	t.Setenv("PATH", "")
	got, err := crosscheck(&harness.Env{Ctx: t.Context()})
	if err != nil || len(got.Marks) != 0 || len(got.Notes) != 1 || !strings.Contains(got.Notes[0], "apt-get install wrk") {
		t.Errorf("%+v, %v", got, err)
	}
}
