package backpressure

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// model is a server of one core in virtual time: a call costs a millisecond, a refusal a hundredth of it wherever it is
// decided, and a client wants its answer within half a second.
type model struct {
	q     *Queue
	cost  time.Duration // of a call
	lanes []*modelLane
	sent  int
	owed  record[time.Duration] // what refusals at the door have cost; the worker pays
	waits record[time.Duration] // of the answers
}

const (
	callCost    = time.Millisecond
	refusalCost = callCost / 100
	usefulFor   = 500 * time.Millisecond
)

type modelLane struct {
	Lane
	model *model
}

type modelCall struct {
	Ticket
	sent int64
}

func (l *modelLane) Drained() {}

func (l *modelLane) Run(batch *Ticket, _ int, _ *Worker) {
	m := l.model
	elapse(time.Duration(len(m.owed.take())) * refusalCost)
	for t := batch; t != nil; {
		call := t.Job.(*modelCall)
		t = t.Next()
		if call.Refused != Accepted {
			elapse(refusalCost)
			continue
		}
		elapse(m.cost)
		m.waits.add(time.Duration(Now() - call.sent))
	}
}

// send sends calls, each on the next connection.
func (m *model) send(n int) {
	now := Now()
	for range n {
		l := m.lanes[m.sent%len(m.lanes)]
		m.sent++
		c := &modelCall{sent: now}
		c.Job = c
		if m.q.Admit(&l.Lane, &c.Ticket, Compute, 100, now) != Accepted {
			m.owed.add(refusalCost)
		}
		m.q.Schedule(&l.Lane)
	}
}

// load sends rate calls per millisecond for so long, spread over all connections, and returns which part of the calls
// that the core could have done were answered in time, and within what 99 of 100 of these were. Both leave out the
// beginning.
func (m *model) load(rate int, duration, beginning time.Duration) (goodput float64, p99 time.Duration) {
	for since := time.Duration(0); since < duration; since += time.Millisecond {
		if since == beginning {
			m.waits.take()
		}
		m.send(rate)
		elapse(time.Millisecond)
	}
	waits := m.waits.take()
	slices.Sort(waits)
	good, _ := slices.BinarySearch(waits, usefulFor)
	if good == 0 {
		return 0, 0
	}
	return float64(good) / float64((duration-beginning)/callCost), waits[good*99/100]
}

// modelled runs f with so many connections.
func modelled(t *testing.T, connections int, change func(*Options), f func(t *testing.T, m *model)) {
	t.Helper()
	o := testOptions()
	o.Workers, o.MaxConnections = 1, connections
	o.SoftConnections = connections
	change(&o)
	inBubble(t, o, func(t *testing.T, q *Queue) {
		m := &model{q: q, cost: callCost}
		for range connections {
			l := &modelLane{model: m}
			l.Init(l)
			m.lanes = append(m.lanes, l)
		}
		f(t, m)
	})
}

// Goodput at two, five and ten times what can be done, however many connections ask for it; and the same without the
// rule.
func TestGoodputUnderOverload(t *testing.T) {
	f := func(connections, times int, wait time.Duration, least, most float64) {
		t.Helper()
		modelled(t, connections, func(o *Options) { o.OverloadQueueTimeout = wait }, func(t *testing.T, m *model) {
			goodput, p99 := m.load(times, 8*time.Second, 3*time.Second)
			t.Logf("%d connections, %d times, %v: goodput %.1f %%, p99 %v", connections, times, wait, 100*goodput, p99)
			if goodput < least || goodput > most {
				t.Errorf("%d connections, %d times the load, overload_queue_timeout %v: goodput %.3f, want %.2f to %.2f",
					connections, times, wait, goodput, least, most)
			}
			if wait > 0 && p99 > wait+50*callCost {
				t.Errorf("%d connections, %d times the load: p99 of the good answers is %v", connections, times, p99)
			}
			elapse(m.q.options.OverloadAfter + wait + 50*callCost)
			if wait > 0 && (m.q.overloaded(Now()) || m.q.Waiting() > 0) {
				t.Errorf("still overloaded after the load, %d wait", m.q.Waiting())
			}
			elapse(time.Hour) // what waits without the rule
		})
	}
	const wait = 75 * time.Millisecond
	for _, connections := range []int{8, 50, 2000} {
		f(connections, 2, wait, 0.97, 1)
		f(connections, 5, wait, 0.93, 1)
		f(connections, 10, wait, 0.87, 1)
	}
	f(50, 2, 0, 0, 0.05)
	f(50, 10, 0, 0, 0.05)
}

// What a connection may have waiting is a burst and served to its end, at twenty times what a call of echo costs,
// although its last messages wait longer than overload_queue_timeout. One that takes longer than overload_after is cut.
func TestBurstIsNoOverload(t *testing.T) {
	f := func(burst int, cost, wait time.Duration, served int) {
		t.Helper()
		o := testOptions()
		o.Workers, o.OverloadQueueTimeout = 2, wait
		inBubble(t, o, func(t *testing.T, q *Queue) {
			m := &model{q: q, cost: cost}
			l := &modelLane{model: m}
			l.Init(l)
			m.lanes = append(m.lanes, l)
			m.send(burst)
			elapse(time.Hour)
			synctest.Wait()
			expect(t, "refused at the door", len(m.owed.take()), 0)
			if answers := len(m.waits.take()); answers < served || served < burst && answers == burst {
				t.Errorf("%d calls of %v at once: %d answers, want %d", burst, cost, answers, served)
			}
		})
	}
	const wait = 75 * time.Millisecond
	f(10_000, 100*time.Microsecond, wait, 10_000)
	f(10_000, time.Millisecond, wait, 1_000)
	f(4_000, time.Millisecond, 0, 4_000)
}

// Overload is when no worker has paused for overload_after, and ends when some have for as long.
func TestOverloadBegins(t *testing.T) {
	o := testOptions()
	o.Workers = 2
	inBubble(t, o, func(t *testing.T, q *Queue) {
		a, b := newPeer(q), newPeer(q)
		a.gate, b.gate = make(chan struct{}), make(chan struct{})
		f := func(what string, want bool) {
			t.Helper()
			expect(t, what, q.overloaded(Now()), want)
		}
		a.admit(Compute, 1, 1)
		a.schedule()
		elapse(time.Hour)
		f("one of two is busy", false)
		b.admit(Compute, 1, 1)
		b.schedule()
		synctest.Wait()
		f("both are", false)
		elapse(o.OverloadAfter)
		f("for as long as they may", false)
		elapse(1)
		f("longer", true)
		b.gate <- struct{}{}
		synctest.Wait()
		f("one has nothing to do", true)
		elapse(o.OverloadAfter)
		f("for as long again", true)
		elapse(2 * time.Millisecond)
		f("longer", false)
		a.gate <- struct{}{}
	})
}

// A worker that pauses does not end it while messages are late: their lanes may have stopped because nobody reads the
// refusals.
func TestOverloadLastsWhileMessagesAreLate(t *testing.T) {
	o := testOptions()
	o.Workers = 2
	inBubble(t, o, func(t *testing.T, q *Queue) {
		gate, reader := make(chan struct{}), newPeer(q)
		for range o.Workers {
			hog := newPeer(q)
			hog.gate = gate
			hog.admit(Compute, 1, 1)
			hog.schedule()
		}
		synctest.Wait()
		reader.admit(Compute, 1, 1)
		q.overloaded(Now())
		elapse(o.OverloadAfter + 1)
		expect(t, "both workers are busy", q.overloaded(Now()), true)
		q.Pause(&reader.Lane)
		close(gate)
		synctest.Wait()
		f := func(what string, want bool) {
			t.Helper()
			expect(t, what, q.overloaded(Now()), want)
		}
		elapse(o.OverloadAfter / 2)
		var late Refusal
		reader.onRun = func(m *message, _ int) { late = m.Refused }
		q.Resume(&reader.Lane)
		synctest.Wait()
		expect(t, "what was late is refused", late, Overload)
		elapse(o.OverloadAfter)
		f("as long as it lasts after that", true)
		elapse(2 * time.Millisecond)
		f("longer", false)
	})
}

func TestOverloadShutsTheDoor(t *testing.T) {
	o := testOptions()
	o.Workers = 1
	inBubble(t, o, func(t *testing.T, q *Queue) {
		hog, p := newPeer(q), newPeer(q)
		hog.gate = make(chan struct{})
		hog.admit(Compute, 1, 1)
		hog.schedule()
		synctest.Wait()
		q.overloaded(Now())
		elapse(o.OverloadAfter + 1)
		f := func(c Class, want Refusal) {
			t.Helper()
			expect(t, "probed "+c.String(), q.Probe(&p.Lane, nil, c, 1, Now()), want)
			_, got := p.admit(c, 1, 1)
			expect(t, "admitted "+c.String(), got, want)
		}
		f(Compute, Accepted)
		asked := newPeer(q)
		asked.admit(Compute, 1, 1)
		elapse(o.OverloadQueueTimeout)
		f(Compute, Accepted)
		elapse(1)
		f(Compute, Overload)
		f(Blocking, Accepted)
		expect(t, "what goes on, of another", q.AdmitFirst(&asked.Lane, &newMessage(2).Ticket, Compute, 1, Now()), Accepted)
		expired, n := q.Expire(&p.Lane, Now(), 10)
		expect(t, "expired", n, 1)
		expect(t, "why", expired.Refused, Overload)
		f(Compute, Accepted)
		hog.gate <- struct{}{}
		p.schedule()
		asked.schedule()
		synctest.Wait()
	})
}

// What the only client of a server asked is never late: not at the door, not in its turn, not in a sweep.
func TestPatientLane(t *testing.T) {
	o := testOptions()
	o.Workers = 1
	inBubble(t, o, func(t *testing.T, q *Queue) {
		hog, p := newPeer(q), newPeer(q)
		p.BePatient()
		hog.gate = make(chan struct{})
		hog.admit(Compute, 1, 1)
		hog.schedule()
		synctest.Wait()
		q.overloaded(Now())
		for range 3 {
			_, refusal := p.admit(Compute, 10, 1)
			expect(t, "admitted", refusal, Accepted)
			elapse(o.QueueTimeout + o.OverloadAfter)
			expect(t, "overloaded", q.overloaded(Now()), true)
		}
		_, n := q.Expire(&p.Lane, Now(), 100)
		expect(t, "expired", n, 0)
		refused := 0
		p.onRun = func(m *message, _ int) {
			if m.Refused != Accepted {
				refused++
			}
		}
		hog.gate <- struct{}{}
		p.schedule()
		synctest.Wait()
		expect(t, "run", int(p.runs.Load()), 30)
		expect(t, "refused in their turn", refused, 0)
	})
}
