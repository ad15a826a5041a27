package backpressure

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A connection with 10,000 messages waiting delays a hundred others by one batch, whoever came first.
func TestFairness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := testOptions()
		o.Workers = 1
		q, _ := newQueue(t, o)
		var order record[*peer]
		greedy := newPeer(q)
		peers := []*peer{greedy}
		for range 100 {
			peers = append(peers, newPeer(q))
		}
		for _, p := range peers {
			p.onRun = func(*message, int) { order.add(p) }
			p.admit(Compute, 1, 10)
		}
		greedy.admit(Compute, 9_999, 10)
		for _, p := range peers {
			p.schedule()
		}
		q.Start()
		synctest.Wait()
		ahead, others := 0, 0
		for _, p := range order.list {
			if p != greedy {
				others++
			} else if others < 100 {
				ahead++
			}
		}
		expect(t, "all ran", len(order.list), 10_100)
		expect(t, "greedy messages before the last of the others", ahead, roundMessages/100)
		stopEmpty(t, q)
	})
}

// All of a pool's tools wait; work that only needs a core does not notice, not even on those connections.
func TestWaitingToolsDoNotStarveCompute(t *testing.T) {
	o := testOptions()
	o.MaxBlockingWorkers = 62
	inBubble(t, o, func(t *testing.T, q *Queue) {
		gate := make(chan struct{})
		var slow []*peer
		for range 3 {
			p := newPeer(q)
			p.gate = gate
			p.admit(Blocking, 100, 10)
			p.schedule()
			slow = append(slow, p)
		}
		synctest.Wait()
		expect(t, "tools running", q.Executing(Blocking), 62)
		expect(t, "goroutines", int(q.pools[Blocking].alive.Load()), 62)
		for _, p := range append(slow, newPeer(q)) {
			p.gate = nil
			before := p.runs.Load()
			p.admit(Compute, 20, 10)
			p.schedule()
			synctest.Wait()
			expect(t, "compute messages run", p.runs.Load()-before, 20)
			p.gate = gate
		}
		close(gate)
		synctest.Wait()
		for _, p := range slow {
			expect(t, "runs", p.runs.Load(), 120)
		}
		expect(t, "warm goroutines", q.pools[Blocking].alive.Load(), int32(o.Workers))
	})
}

// Work that can run in parallel does: one wake-up leads to the next.
func TestEveryWorkerIsWoken(t *testing.T) {
	inBubble(t, testOptions(), func(t *testing.T, q *Queue) {
		synctest.Wait() // all asleep
		gate := make(chan struct{})
		for range 10 {
			p := newPeer(q)
			p.gate = gate
			p.admit(Compute, 1, 1)
			p.schedule()
		}
		synctest.Wait()
		expect(t, "executing", q.Executing(Compute), 4)
		close(gate)
		synctest.Wait()
		expect(t, "waiting", q.Waiting(), 0)
		expect(t, "asleep", q.pools[Compute].sleepers.Load(), 4)
	})
}

// Each loop sends one message and waits for it before the next, on real goroutines: a wake-up that is lost
// leaves nothing else that would cover it up. Few workers and fewer waiting tools than loops exercise
// sleeping, ending, and the limit.
func TestNoWakeUpIsLost(t *testing.T) {
	o := testOptions()
	o.Workers, o.MaxBlockingWorkers = 2, 3
	q, _ := newQueue(t, o)
	q.Start()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			p := newPeer(q)
			done := make(chan struct{}, 1)
			p.onRun = func(*message, int) { done <- struct{}{} }
			for round := range 5_000 {
				p.admit(Class((round+i)%classes), 1, 10)
				p.schedule()
				select {
				case <-done:
				case <-ctx.Done():
					t.Errorf("loop %d waits for message %d in vain", i, round)
					return
				}
			}
		})
	}
	wg.Wait()
	if left := q.Drain(ctx); left != 0 {
		t.Errorf("%d left after the drain", left)
	}
	stopEmpty(t, q)
}

type runnerFunc func(batch *Ticket, n int, w *Worker)

func (f runnerFunc) Run(batch *Ticket, n int, w *Worker) { f(batch, n, w) }
func (f runnerFunc) Drained()                            { panic("in Drained") }

func TestPanicSurvives(t *testing.T) {
	o := testOptions()
	o.MaxWaitingPerConnection = 4
	synctest.Test(t, func(t *testing.T) {
		q, set := newQueue(t, o)
		var heard record[any]
		q.OnPanic(func(value any, stack []byte) {
			heard.add(value)
			if !strings.Contains(string(stack), "workers_test.go") {
				t.Errorf("a stack that does not show where it happened:\n%s", stack)
			}
		})
		q.Start()
		var runs atomic.Int32
		var l Lane
		l.Init(runnerFunc(func(batch *Ticket, _ int, _ *Worker) {
			runs.Add(1)
			panic("in Run")
		}))
		for _, c := range []Class{Compute, Blocking} {
			for range 5 { // the fifth is refused, so that Drained is called too
				q.Admit(&l, new(Ticket), c, 10, Now())
			}
			q.Schedule(&l)
			synctest.Wait()
		}
		expect(t, "runs", runs.Load(), 1+4)
		expect(t, "panics", series(t, set, "weir_worker_panics_total"), "7")
		expect(t, "heard", len(heard.list), 7)
		expect(t, "workers", q.pools[Compute].alive.Load(), 4)
		stopEmpty(t, q)
	})
}

// A handler that ends its goroutine takes neither the worker's place nor the counts with it.
func TestGoexitSurvives(t *testing.T) {
	o := testOptions()
	o.Workers = 1
	inBubble(t, o, func(t *testing.T, q *Queue) {
		var runs atomic.Int32
		var l Lane
		l.Init(runnerFunc(func(*Ticket, int, *Worker) {
			runs.Add(1)
			runtime.Goexit()
		}))
		for _, c := range []Class{Compute, Blocking, Compute} {
			for range 40 {
				q.Admit(&l, new(Ticket), c, 10, Now())
			}
			q.Schedule(&l)
			synctest.Wait()
		}
		expect(t, "runs", runs.Load(), 2+40+2)
		expect(t, "idle", l.Idle(), true)
	})
}

func TestScratchIsBounded(t *testing.T) {
	o := testOptions()
	o.Workers = 1
	inBubble(t, o, func(t *testing.T, q *Queue) {
		var l Lane
		var capacities []int
		grow := 0
		l.Init(runnerFunc(func(_ *Ticket, _ int, w *Worker) {
			capacities = append(capacities, cap(w.Buf))
			w.Buf = make([]byte, grow)
		}))
		for _, grow = range []int{o.ComputeScratchBytes, o.ComputeScratchBytes + 1, 0} {
			q.Admit(&l, new(Ticket), Compute, 10, Now())
			q.Schedule(&l)
			synctest.Wait()
		}
		expect(t, "kept", capacities[1], o.ComputeScratchBytes)
		expect(t, "not kept", capacities[2], 0)
	})
}

func TestDrain(t *testing.T) {
	inBubble(t, testOptions(), func(t *testing.T, q *Queue) {
		p := newPeer(q)
		p.gate = make(chan struct{})
		p.admit(Compute, 100, 10)
		p.admit(Blocking, 100, 10)
		p.schedule()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		expect(t, "left when the deadline passed", q.Drain(ctx), 200)
		_, refusal := p.admit(Compute, 1, 10)
		expect(t, "refusal", refusal, Draining)
		done := make(chan int, 2)
		for range 2 {
			go func() { done <- q.Drain(context.Background()) }()
		}
		synctest.Wait()
		expect(t, "drains that returned", len(done), 0)
		close(p.gate)
		expect(t, "left", <-done, 0)
		expect(t, "left", <-done, 0)
		expect(t, "runs", p.runs.Load(), 200)
	})
}

// What still waits when the workers stop is handed back by Close.
func TestStopCutsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, _ := newQueue(t, testOptions())
		q.Start()
		p := newPeer(q)
		p.gate = make(chan struct{})
		p.admit(Blocking, 100, 10)
		p.schedule()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		expect(t, "cut", q.Stop(ctx), 100)
		expect(t, "dropped", p.close(), 69)
		close(p.gate)
		synctest.Wait()
		expect(t, "runs", p.runs.Load(), 31)
		stopEmpty(t, q)
	})
}

func TestStopBeforeStart(t *testing.T) {
	q, _ := newQueue(t, testOptions())
	stopEmpty(t, q)
}
