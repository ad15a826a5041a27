package call

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

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
