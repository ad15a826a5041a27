package task

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// counting is a Call, a Waiter and a Watcher that many goroutines use at once.
type counting struct {
	call
	released, ready, owed, dropped atomic.Int32
}

func (c *counting) Cancel()         {}
func (c *counting) Release()        { c.released.Add(1) }
func (c *counting) TaskReady()      { c.ready.Add(1) }
func (c *counting) Bytes() int      { return 1 }
func (c *counting) Owe()            { c.owed.Add(1) }
func (c *counting) OweAhead([]byte) {}
func (c *counting) Drop()           { c.dropped.Add(1) }

// A result, a cancellation, the end of the time, a stop and requests that wait, give up and ask come together: there is
// one ending, everybody hears of it, and everything is given back.
func TestOneEnding(t *testing.T) {
	tt := newTable(t)
	const rounds = 300
	for round := range rounds {
		c := new(counting)
		one := tt.begin(t, Spec{Call: c, RequestBytes: 100})
		one.Watch(c)
		one.start(t)
		if turn, _, _ := one.Await(c); turn != Wait {
			t.Fatal(turn)
		}
		ours := atomic.Int32{}
		count := func(ended bool) {
			if ended {
				ours.Add(1)
			}
		}
		var all sync.WaitGroup
		all.Go(func() {
			if round%2 == 0 {
				count(one.Conclude(Result, []byte(`{"content":[]}`)))
			} else if !one.Suspend(asksWho, "") {
				return // it had ended
			}
			one.Answer(answers("who"), 10, nil)
			if _, ok := one.Start(); ok {
				count(one.Conclude(Failure, []byte(`{"code":1,"message":"no"}`)))
			}
		})
		all.Go(func() { count(one.Cancel()) })
		all.Go(func() { count(one.Fail(errStopped)) })
		all.Go(func() { tt.Expire(time.Now().Add(time.Minute)) })
		all.Go(func() { one.GiveUp(c) })
		all.Go(func() { one.Note("half way"); one.Append(nil, true); one.AppendResult(nil, nil) })
		all.Wait()
		told := c.ready.Load() == 1 && c.owed.Load() > 0
		if !one.Status().Terminal() || c.released.Load() != 1 || !told || ours.Load() > 1 {
			t.Fatalf("%s, released %d, ready %d, owed %d, ended %d times", one.Status(),
				c.released.Load(), c.ready.Load(), c.owed.Load(), ours.Load())
		}
		one.forget()
		if n := c.dropped.Load(); n != 1 {
			t.Fatal("dropped", n)
		}
	}
	ended := uint64(0)
	for how := range Endings {
		ended += tt.m.ended[how].Get()
	}
	if ended != rounds {
		t.Errorf("%d endings of %d tasks", ended, rounds)
	}
	tt.ends(t)
}
