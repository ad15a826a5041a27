package live

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"sync"
	"time"

	"weir/cmd/exposition"
	"weir/cmd/process"
)

// View looks at a server, once a second of itself and whenever it is asked. Its methods are for any goroutine.
type View struct {
	source  Source
	history *history
	stop    chan struct{}
	done    sync.WaitGroup
}

// Start begins to look.
func Start(s Source) *View {
	v := &View{source: s, history: newHistory(&s), stop: make(chan struct{})}
	v.done.Go(v.run)
	return v
}

// End ends it. Looks are as before, without what comes later.
func (v *View) End() {
	close(v.stop)
	v.done.Wait()
}

func (v *View) run() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			v.history.take(now)
		case <-v.stop:
			return
		}
	}
}

// Look looks. The history holds what came after a second; 0: all of it.
func (v *View) Look(since int64) Look {
	var page bytes.Buffer
	v.source.Metrics.WritePrometheus(&page)
	l := Look{Facts: v.source.Facts(), Time: time.Now().UTC(), Refusals: []Counted{}, Closed: []Counted{}}
	l.read(page.Bytes())
	l.Memory.ResidentBytes, l.Memory.LimitBytes = process.ResidentBytes(), v.source.Limit
	l.History = v.history.since(since)
	v.history.fill(&l)
	return l
}

// read reads the series.
func (l *Look) read(page []byte) {
	tools := map[string]*tool{}
	workers := map[string]*Workers{"compute": {Class: "compute"}, "blocking": {Class: "blocking"}}
	loops := map[int]*Loop{}
	for s := range exposition.Samples(page, "weir_") {
		if l.readTool(&s, tools) {
			continue
		}
		if to := l.place(s.Name); to != nil {
			to(s.Value)
			continue
		}
		switch s.Name {
		case "weir_transport_connections":
			l.Connections.Transports = append(l.Connections.Transports, Connection{s.Label("transport"), int(s.Value)})
		case "weir_refusals_total":
			l.Refusals = counted(l.Refusals, &s)
		case "weir_connections_closed_total":
			l.Closed = counted(l.Closed, &s)
		case "weir_workers":
			workers[s.Label("class")].Alive = int(s.Value)
		case "weir_workers_busy":
			workers[s.Label("class")].Busy = int(s.Value)
		case "weir_queue_executing_messages":
			workers[s.Label("class")].Executing = int(s.Value)
		case "weir_loop_connections":
			if id, err := strconv.Atoi(s.Label("loop")); err == nil {
				loops[id] = &Loop{Connections: int(s.Value), Busy: Unknown}
			}
		}
	}
	l.Workers = []Workers{*workers["compute"], *workers["blocking"]}
	for id := range len(loops) {
		l.Loops = append(l.Loops, *loops[id])
	}
	byTotal := func(a, b Counted) int { return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(a.Reason, b.Reason)) }
	slices.SortFunc(l.Refusals, byTotal)
	slices.SortFunc(l.Closed, byTotal)
	l.setTools(tools)
}

// counted appends a reason that occurred.
func counted(to []Counted, s *exposition.Sample) []Counted {
	if s.Value == 0 {
		return to
	}
	return append(to, Counted{s.Label("reason"), uint64(s.Value)})
}

// place is where the value of a series without labels goes; nil: nowhere.
func (l *Look) place(series string) func(float64) {
	whole := func(to *int) func(float64) { return func(v float64) { *to = int(v) } }
	bytes := func(to *int64) func(float64) { return func(v float64) { *to = int64(v) } }
	switch series {
	case "weir_connections":
		return whole(&l.Connections.Open)
	case "weir_connections_peak":
		return whole(&l.Connections.Peak)
	case "weir_connections_limit":
		return whole(&l.Connections.Limit)
	case "weir_connections_soft_limit":
		return whole(&l.Connections.SoftLimit)
	case "weir_connections_accepted_total":
		return func(v float64) { l.Connections.Accepted = uint64(v) }
	case "weir_connections_accept_rate":
		return whole(&l.Connections.AcceptRate)
	case "weir_queue_waiting_messages":
		return whole(&l.Queue.Waiting)
	case "weir_queue_waiting_limit_messages":
		return whole(&l.Queue.Limit)
	case "weir_queue_waiting_peak_messages":
		return whole(&l.Queue.Peak)
	case "weir_queue_bytes":
		return bytes(&l.Queue.Bytes)
	case "weir_queue_limit_bytes":
		return bytes(&l.Queue.LimitBytes)
	case "weir_queue_expected_wait_seconds":
		return func(v float64) { l.Queue.ExpectedWait = Number(v) }
	case "weir_queue_overloaded":
		return func(v float64) { l.Queue.Overloaded = v > 0 }
	case "weir_input_bytes":
		return bytes(&l.Memory.InputBytes)
	case "weir_outbox_bytes":
		return bytes(&l.Memory.OutboxBytes)
	case "weir_sessions":
		return whole(&l.Memory.Sessions)
	case "weir_tasks":
		return whole(&l.Memory.Tasks)
	case "weir_subscriptions":
		return whole(&l.Memory.Subscriptions)
	}
	return nil
}
