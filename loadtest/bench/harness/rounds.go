package harness

import (
	"weir/loadtest/bench/record"
	"weir/loadtest/client"
	"weir/loadtest/observe"
)

// Contender is one of the servers of a comparison, with its fleet.
type Contender struct {
	Name    string
	Process *observe.Process
	Fleet   *client.Fleet
}

// Rounds measures all contenders in turn, as often as there are runs: A B A B, so that what the machine does meanwhile
// falls on all alike. Only one is busy at a time; the others' connections stay open and idle.
func Rounds(e *Env, t *record.Table, all []Contender, each func(costs map[string]Cost)) error {
	for run := range e.Runs {
		costs := map[string]Cost{}
		for _, c := range all {
			got, err := e.Cost(c.Process, c.Fleet)
			if err != nil {
				return err
			}
			e.Progress("run %d: %s: %s us of CPU per call, %s calls/s, generator %s us", run+1, c.Name,
				record.Number(got.Server), record.Number(got.PerSec), record.Number(got.Own))
			KeepCost(t, c.Name, got)
			costs[c.Name] = got
		}
		each(costs)
	}
	for _, c := range all {
		CostRow(t, c.Name)
	}
	return nil
}
