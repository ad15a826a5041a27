package scoreboard

import (
	"fmt"
	"time"

	"weir/loadtest/bench/harness"
	"weir/loadtest/bench/record"
	"weir/loadtest/client"
	"weir/loadtest/wire"
)

const (
	mice         = 1000
	greedyOnes   = 10
	greedyWindow = 1000
)

func greedy(e *harness.Env) (*record.Table, error) {
	t := &record.Table{Columns: []string{"the thousand", "answered, %", "p50, ms", "p99, ms", "p99.9, ms",
		"the greedy, calls/s", "Jain's index of theirs"}}
	s, err := start(e, defaultKey)
	if err != nil {
		return nil, err
	}
	defer e.StopServer(s.Process)
	c := cell{wire.Line, mice, short, defaultKey, true}
	l, err := open(e, s, c)
	if err != nil {
		return nil, err
	}
	defer l.close()
	window := e.Window()
	l.plan([]float64{mice, mice, mice}, []time.Duration{calmTime, window, 2*calmTime + window + lead})
	if _, err := l.until(calmTime); err != nil {
		return nil, err
	}
	alone, err := l.until(window)
	if err != nil {
		return nil, err
	}
	var ones []*client.Fleet
	for range greedyOnes {
		f, err := e.Open(1, func(o *client.Options) {
			calls(s, wire.Line, c.tool.each[0].micros)(o)
			o.Window = greedyWindow
		})
		if err != nil {
			return nil, err
		}
		defer e.CloseFleet(f)
		ones = append(ones, f)
	}
	for _, f := range ones {
		f.Start()
	}
	if _, err := l.until(calmTime); err != nil {
		return nil, err
	}
	before := resultsOf(ones)
	beside, err := l.until(window)
	if err != nil {
		return nil, err
	}
	after := resultsOf(ones)
	for _, f := range ones {
		if err := e.Halt(f); err != nil {
			return nil, err
		}
	}
	unexplained, _, err := l.halt()
	if err != nil {
		return nil, err
	}
	var sum, squares float64
	for i := range after {
		n := after[i] - before[i]
		sum += n
		squares += n * n
	}
	jain := sum * sum / (max(1, squares) * greedyOnes)
	row := func(name string, s *stretch, rate, index string) float64 {
		ok := float64(s.Results) / max(1, float64(s.Results+s.Refused))
		t.Row(name, record.Number(100*ok), record.Number(harness.Millis(s.Latency.ValueAtQuantile(50))),
			record.Number(harness.Millis(s.Latency.ValueAtQuantile(99))),
			record.Number(harness.Millis(s.Latency.ValueAtQuantile(99.9))), rate, index)
		return ok
	}
	row("alone", &alone, "", "")
	ok := row(fmt.Sprintf("beside %d greedy ones", greedyOnes), &beside, record.Number(sum/window.Seconds()),
		record.Number(jain))
	t.AtLeast("answered of the thousand", ok, 0.999, "")
	t.AtMost("p99 of the thousand beside the greedy, of that alone",
		float64(beside.Latency.ValueAtQuantile(99))/max(1, float64(alone.Latency.ValueAtQuantile(99))), 2, "times")
	t.AtLeast("Jain's index of the greedy", jain, 0.95, "")
	t.AtMost("unexplained of the thousand", unexplained, 0, "calls")
	t.Note("%d connections with a call of 0.2 ms per second each, planned; beside them %d that keep %d calls in flight each "+
		"and ask again as soon as they are answered or refused", mice, greedyOnes, greedyWindow)
	return t, nil
}

func resultsOf(fleets []*client.Fleet) (n []float64) {
	for _, f := range fleets {
		n = append(n, float64(f.Counters().Results))
	}
	return n
}
