package cases

import (
	"fmt"

	"weir/loadtest/bench/harness"
	"weir/loadtest/bench/record"
	"weir/loadtest/client"
	"weir/loadtest/wire"
)

const (
	fewSessions      = 100
	manySessions     = 15_000
	renewConnections = 32
)

// sessionCost opens and ends sessions on kept connections, beside few sessions and beside many that are open all the
// while, each with its stream.
func sessionCost(e *harness.Env) (*record.Table, error) {
	t := &record.Table{Columns: []string{"sessions open beside", "CPU per session, us", "sessions/s", "p50, us", "p99, us",
		"generator's CPU per session, us"}}
	var all []harness.Contender
	names := [2]string{}
	for i, n := range [2]int{fewSessions, e.Scaled(manySessions)} {
		s, err := e.Weir("")
		if err != nil {
			return nil, err
		}
		beside, err := e.Fleet(func(o *client.Options) {
			o.Address, o.Transport, o.Stream = s.HTTP, wire.HTTP, true
			o.Sources = client.LoopbackSources(8)
		})
		if err != nil {
			return nil, err
		}
		if err := openStreams(e, beside, n); err != nil {
			return nil, err
		}
		f, err := e.Open(renewConnections, func(o *client.Options) {
			o.Address, o.Transport, o.Renew = s.HTTP, wire.HTTP, true
		})
		if err != nil {
			return nil, err
		}
		series, err := s.Metrics()
		if err != nil {
			return nil, err
		}
		if got := series["weir_sessions"]; got != float64(n+renewConnections) {
			return nil, fmt.Errorf("%v sessions are open, want %d and %d", got, n, renewConnections)
		}
		names[i] = record.Grouped(int64(n))
		all = append(all, harness.Contender{Name: names[i], Process: s.Process, Fleet: f})
	}
	key := ""
	err := harness.Rounds(e, t, all, func(costs map[string]harness.Cost) {
		key = harness.CostRatio(t, names[1], names[0], costs)
	})
	if err != nil {
		return nil, err
	}
	t.AtMost("CPU per session, beside "+key, t.Median(key), 1.3, "times")
	t.Note("%d connections, each ends its session (DELETE) and begins another (initialize, notifications/initialized), "+
		"again and again",
		renewConnections)
	t.Note("each of the sessions beside has its event stream open")
	return t, nil
}
