package call

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A call's context is what context.Context promises, also under contexts derived from it.
func TestCallContext(t *testing.T) {
	c := new(Context)
	if c.Err() != nil || c.Value("k") != nil {
		t.Error("a new context has ended, or has values")
	}
	if _, ok := c.Deadline(); ok {
		t.Error("a deadline nobody set")
	}
	child, stop := context.WithTimeout(c, time.Hour)
	defer stop()
	early, stopEarly := context.WithCancel(c)
	stopEarly()
	c.cancel(canceled)
	c.cancel(canceled)
	<-c.Done()
	<-child.Done()
	if c.Err() != context.Canceled || context.Cause(c) != context.Canceled || child.Err() != context.Canceled ||
		early.Err() == nil {
		t.Error("ended contexts:", c.Err(), child.Err(), early.Err())
	}
	late, stopLate := context.WithCancel(c)
	defer stopLate()
	<-late.Done()
	if stop := c.AfterFunc(func() {}); stop() {
		t.Error("stopped what had run")
	}
}

// Whoever does not ask for a deadline has it from the first look on.
func TestDeadlineCountsFromTheFirstLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		epoch := time.Now()
		time.Sleep(time.Second) // the bubble's clock; no handler runs in the instant of its epoch
		c := new(Context)
		call, slot, late := &Call{Slot: new(WorkerSlot)}, new(WorkerSlot), new(atomic.Int64)
		call.Slot = slot
		c.Begin(call, &Handler{Timeout: time.Minute, Epoch: epoch})
		start := time.Now()
		time.Sleep(time.Second)
		for range 60 {
			if ended, _ := slot.EndTimedOut(time.Since(epoch), late); ended != nil {
				t.Fatalf("timed out after %v", time.Since(start))
			}
			time.Sleep(time.Second)
		}
		if deadline, _ := c.Deadline(); !deadline.Equal(start.Add(61 * time.Second)) {
			t.Errorf("the deadline is %v after the start", deadline.Sub(start))
		}
		if ended, _ := slot.EndTimedOut(time.Since(epoch), late); ended != call || late.Load() != 1 || !call.TimedOut() {
			t.Error("not timed out at its deadline")
		}
		if call.Finish() {
			t.Error("the late handler's answer counts")
		}
	})
}
