package engine

import (
	"fmt"
	"time"

	"weir/codec"
	"weir/registry/call"
	"weir/registry/fault"
)

// EndTimedOut ends the calls whose handlers have run too long at now in these slots, and hands each to end: its context
// is done, nothing is sent ahead of its answer any more, no answer will come from Dispatch, and it is in flight no more
// (End). end answers it with AppendTimedOut; the exchange stays in use until its Dispatch has returned, if it ever does
// (Call.TimedOut). Concurrent.
func (eng *Engine) EndTimedOut(slots []WorkerSlot, now time.Time, end func(slot int, c *Call)) {
	at := now.Sub(eng.epoch)
	for i := range slots {
		c, h := slots[i].EndTimedOut(at, &eng.m.TimedOut)
		if c == nil {
			continue
		}
		c.End()
		how := call.EndedTimeout
		if c.Cancelled() {
			how = call.EndedCancelled
		}
		h.Series.Late(how, h.Timeout)
		eng.report(Failure{Kind: FailureTimeout, Name: h.Name, Err: fmt.Errorf("it did not return within %v", h.Timeout)})
		end(i, c)
	}
}

// AppendTimedOut appends the answer of a call that EndTimedOut handed out: none, if it was cancelled.
func (eng *Engine) AppendTimedOut(dst []byte, x *Exchange) []byte {
	if x.Cancelled() {
		x.Outcome = Cancelled
		return dst
	}
	return codec.AppendError(dst, x.ID(), fault.HandlerTimeout)
}
