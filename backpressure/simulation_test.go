package backpressure

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// simulation is a server in virtual time whose workers are its cores. A call takes what its tool takes then; a refusal
// takes a hundredth of a millisecond, of the worker that finds it or, at the door, of the next one that runs.
type simulation struct {
	t      *testing.T
	q      *Queue
	random struct {
		sync.Mutex
		*rand.Rand
	}
	ended  record[simulatedCall]
	atDoor record[time.Duration] // when calls were refused there
	owed   record[time.Duration] // what refusals at the door have cost

	freeRefusals bool // they cost nothing
}

// simulatedTool is what its calls take, at a time since the beginning.
type simulatedTool struct {
	work *Work
	took func(random *rand.Rand) time.Duration
}

type simulatedCall struct {
	Ticket
	tool    *simulatedTool
	lane    *simulatedLane
	cost    time.Duration
	sent    int64
	started int64
	done    int64
	end     Refusal
}

type simulatedLane struct {
	Lane
	s *simulation
	// again, of a closed loop, hears of each of its calls that has ended.
	again func(c *simulatedCall)
}

func (l *simulatedLane) Drained() {}

func (l *simulatedLane) Run(batch *Ticket, _ int, w *Worker) {
	s := l.s
	elapse(time.Duration(len(s.owed.take())) * refusalCost)
	for t := batch; t != nil; {
		c := t.Job.(*simulatedCall)
		t = t.Next()
		c.started, c.end = Now(), c.Refused
		if c.Refused != Accepted {
			elapse(refusalCost)
		} else {
			elapse(c.cost)
		}
		c.done = w.Ran(c.Work, c.Refused)
		s.ended.add(*c)
		if l.again != nil {
			l.again(c)
		}
	}
}

func (s *simulation) lane() *simulatedLane {
	l := &simulatedLane{s: s}
	l.Init(l)
	return l
}

func (s *simulation) tool(took func(random *rand.Rand) time.Duration) *simulatedTool {
	return &simulatedTool{s.q.NewWork(), took}
}

// send has l ask for a call, and says whether it was let in.
func (s *simulation) send(l *simulatedLane, tool *simulatedTool) bool {
	s.random.Lock()
	c := &simulatedCall{tool: tool, lane: l, cost: tool.took(s.random.Rand), sent: Now()}
	s.random.Unlock()
	c.Job, c.Work = c, tool.work
	if s.q.Admit(&l.Lane, &c.Ticket, Compute, 100, c.sent) != Accepted {
		s.atDoor.add(time.Duration(c.sent))
		if !s.freeRefusals {
			s.owed.add(refusalCost)
		}
		return false
	}
	s.q.Schedule(&l.Lane)
	return true
}

// open sends so many calls per millisecond over the lanes in turn for a time.
func (s *simulation) open(lanes []*simulatedLane, tool *simulatedTool, perMilli float64, d time.Duration) (sent int) {
	due := 0.0
	for ; d > 0; d -= time.Millisecond {
		for due += perMilli; due >= 1; due-- {
			s.send(lanes[sent%len(lanes)], tool)
			sent++
		}
		elapse(time.Millisecond)
	}
	return sent
}

// simulate runs f with a queue whose workers are so many cores.
func simulate(t *testing.T, cores int, change func(*Options), f func(s *simulation)) {
	t.Helper()
	o := testOptions()
	o.Workers = cores
	change(&o)
	inBubble(t, o, func(t *testing.T, q *Queue) {
		q.load.rate.Store(int64(cores) * rateUnit) // the bubble's cores are its workers
		s := &simulation{t: t, q: q}
		s.random.Rand = rand.New(rand.NewPCG(1, uint64(cores)))
		f(s)
		synctest.Wait()
		expect(t, "cost of what waits, in the end", q.load.waiting.Load(), 0)
		expect(t, "cost of what runs, in the end", q.load.executing.Load(), 0)
		expect(t, "workers that slept beside work", q.metrics.idle.Get(), 0)
	})
}

func (s *simulation) lanes(n int) (lanes []*simulatedLane) {
	for range n {
		lanes = append(lanes, s.lane())
	}
	return lanes
}

// took is what became of the calls that have ended since it was asked last.
type outcomes struct {
	good     int
	work     time.Duration // of the good ones
	late     int           // refused when a worker took them
	p99, max time.Duration // from sending to the answer, of the good ones
	atDoor   int
}

func (s *simulation) outcomes() (o outcomes) {
	var waits []time.Duration
	for _, c := range s.ended.take() {
		if c.end != Accepted {
			o.late++
			continue
		}
		o.good++
		o.work += c.cost
		waits = append(waits, time.Duration(c.done-c.sent))
	}
	o.atDoor = len(s.atDoor.take())
	if len(waits) > 0 {
		slices.Sort(waits)
		o.p99, o.max = waits[len(waits)*99/100], waits[len(waits)-1]
	}
	return o
}

func always(d time.Duration) func(*rand.Rand) time.Duration {
	return func(*rand.Rand) time.Duration { return d }
}

// mixed takes long for one call of ten.
func mixed(short, long time.Duration) func(*rand.Rand) time.Duration {
	return func(r *rand.Rand) time.Duration {
		if r.IntN(10) == 0 {
			return long
		}
		return short
	}
}
