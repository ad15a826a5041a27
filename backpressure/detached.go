package backpressure

import (
	"sync"
	"sync/atomic"
)

// Detached is work that belongs to no connection any more and nobody waits for (MCP tasks). It stands in the same
// queue, counts against the same budgets and runs on the same workers as everything else, in a few lanes of its own
// (Options.TaskLanes): so all of it together gets the turns of that many connections, however much of it there is.
type Detached struct {
	q     *Queue
	lanes []detachedLane
	turn  atomic.Uint32 // where to look next
}

// detachedLane is a lane with what keeps Admits for it apart.
type detachedLane struct {
	admit sync.Mutex
	lane  Lane
}

// Detach returns the queue's place for such work, which owner runs; its Drained is never called in vain, for nobody
// pauses here. Once per queue: the rings have room for one.
func (q *Queue) Detach(owner Runner) *Detached {
	if !q.detached.CompareAndSwap(false, true) {
		panic("backpressure: Detach was called twice")
	}
	d := &Detached{q: q, lanes: make([]detachedLane, q.options.TaskLanes)}
	for i := range d.lanes {
		d.lanes[i].lane.Init(owner)
	}
	return d
}

// Admit is Queue.Admit and Schedule for detached work; any goroutine, several at once. The lanes are taken in turn, and
// a full one is passed over; what no lane takes is refused as if the queue were full.
func (d *Detached) Admit(t *Ticket, c Class, bytes int, now int64) Refusal {
	refusal := QueueFull
	for range d.lanes {
		l := &d.lanes[int(d.turn.Add(1)%uint32(len(d.lanes)))]
		l.admit.Lock()
		refusal = d.q.AdmitPatient(&l.lane, t, c, bytes, now)
		l.admit.Unlock()
		switch refusal {
		case Accepted:
			d.q.Schedule(&l.lane)
			return Accepted
		case ConnectionQueueFull, ConnectionQueueBytes:
			continue
		}
		return refusal
	}
	if refusal == ConnectionQueueBytes {
		return QueueBytes
	}
	return QueueFull
}
