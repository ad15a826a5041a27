package scoreboard

import (
	"fmt"
	"time"

	"weir/loadtest/bench/harness"
	"weir/loadtest/bench/record"
	"weir/loadtest/client"
	"weir/loadtest/report"
	"weir/loadtest/wire"
)

const (
	mice         = 1000
	greedyOnes   = 10
	greedyWindow = 1000
)

func greedy(e *harness.Env) (*record.Table, error) {
	t := &record.Table{Columns: []string{"the thousand", "answered, %", "p50, ms", "p99, ms", "p99.9, ms",
		"server's p50, ms", "server's p99, ms", "the greedy, calls/s", "Jain's index of theirs"}}
	s, err := start(e, defaultKey)
	if err != nil {
		return nil, err
	}
	times, err := greedyAt(e, s, t, "")
	if err != nil {
		return nil, err
	}
	e.StopServer(s.Process)
	t.AtMost("p99 of the thousand beside the greedy, of that alone", times, 2, "times")
	p, address, err := e.Peer("echo-epoll")
	if err != nil {
		return nil, err
	}
	echoed, err := greedyAt(e, &harness.Server{Process: p, TCP: address}, t, "a bare echo, ")
	if err != nil {
		return nil, err
	}
	t.Note("%d connections with a call of 0.2 ms per second each, planned; beside them %d that keep %d calls in flight "+
		"each and ask again as soon as they are answered or refused", mice, greedyOnes, greedyWindow)
	t.Note("the server's p99 is from the write to the arrival of the answer in the kernel, and what the mark is about; a "+
		"bare epoll echo, which has no tool to run and refuses nobody, comes to %.3g times", echoed)
	return t, nil
}

// greedyAt has the greedy and the others at one server. It returns how many times as late the others' answers are
// beside them.
func greedyAt(e *harness.Env, s *harness.Server, t *record.Table, name string) (times float64, err error) {
	l, err := open(e, s, cell{wire.Line, mice, short, defaultKey, true}, 0)
	if err != nil {
		return 0, err
	}
	defer l.close()
	window := e.Window()
	l.plan([]float64{mice}, []time.Duration{2*calmTime + 2*window + opening})
	if _, err := l.until(calmTime); err != nil {
		return 0, err
	}
	alone, err := l.until(window)
	if err != nil {
		return 0, err
	}
	e.Progress("%sthe thousand alone: p99 %.2f ms", name, report.P99(alone.Service))
	beside, results, err := besideGreedy(e, s, l, window)
	if err != nil {
		return 0, err
	}
	unexplained, _, err := l.halt()
	if err != nil {
		return 0, err
	}
	var sum, squares float64
	for _, n := range results {
		sum += n
		squares += n * n
	}
	jain := sum * sum / (max(1, squares) * greedyOnes)
	alone.row(t, name+"alone", "", "")
	beside.row(t, fmt.Sprintf("%sbeside %d greedy ones", name, greedyOnes), record.Number(sum/window.Seconds()),
		record.Number(jain))
	if name == "" {
		t.AtLeast("answered of the thousand", beside.ok(), 0.999, "")
		t.AtLeast("Jain's index of the greedy", jain, 0.95, "")
		t.AtMost("unexplained of the thousand", unexplained, 0, "calls")
	}
	return report.P99(beside.Service) / max(0.001, report.P99(alone.Service)), nil
}

// opening is what the opening of the greedy may take.
const opening = time.Second

// besideGreedy adds the greedy to a load under way, and returns what was seen of it and how many results each had.
func besideGreedy(e *harness.Env, s *harness.Server, l *load, window time.Duration) (beside stretch, results []float64,
	err error) {
	var ones []*client.Fleet
	for range greedyOnes {
		f, err := e.Open(1, func(o *client.Options) {
			calls(s, wire.Line, short.each[0].micros)(o)
			o.Window = greedyWindow
			o.Tick, o.Exact = harness.OpenTick, true
		})
		if err != nil {
			return beside, nil, err
		}
		defer e.CloseFleet(f)
		ones = append(ones, f)
	}
	for _, f := range ones {
		f.Start()
	}
	if _, err = l.until(calmTime); err != nil {
		return beside, nil, err
	}
	before := resultsOf(ones)
	if beside, err = l.until(window); err != nil {
		return beside, nil, err
	}
	results = resultsOf(ones)
	for i := range results {
		results[i] -= before[i]
	}
	for _, f := range ones {
		if err := e.Halt(f); err != nil {
			return beside, nil, err
		}
	}
	return beside, results, nil
}

// ok is the part of the calls that was answered.
func (s *stretch) ok() float64 { return float64(s.Results) / max(1, float64(s.Results+s.Refused)) }

func (s *stretch) row(t *record.Table, name string, more ...string) {
	cells := []string{name, record.Number(100 * s.ok())}
	for _, q := range []float64{50, 99, 99.9} {
		cells = append(cells, record.Number(harness.Millis(s.Latency.ValueAtQuantile(q))))
	}
	for _, q := range []float64{50, 99} {
		cells = append(cells, record.Number(harness.Millis(s.Service.ValueAtQuantile(q))))
	}
	t.Row(append(cells, more...)...)
}

func resultsOf(fleets []*client.Fleet) (n []float64) {
	for _, f := range fleets {
		n = append(n, float64(f.Counters().Results))
	}
	return n
}
