package pipeline

import (
	"hash/maphash"

	"weir/backpressure"
)

// A call whose response ended before it, and whose event stream can be resumed, is detached: it runs on, and is
// nobody's on its connection any more (http_resumable.go).

// survives says whether k outlives its connection, which has ended. Loop only.
func (in *Intake) survives(k *Call) bool {
	if in.Stopped() {
		return false
	}
	k.Conn.Lock()
	defer k.Conn.Unlock()
	return k.PostStream != nil
}

// detachedCalls run the suspended calls whose connections have ended, when they go on. Those of a session are in one
// lane, and so in the bounds of a connection, which few other sessions share. It is the first loop that admits them
// all.
type detachedCalls struct {
	seed  maphash.Seed
	lanes [backpressure.OwnLanes]backpressure.Lane
}

func (o *detachedCalls) init() {
	o.seed = maphash.MakeSeed()
	for i := range o.lanes {
		o.lanes[i].Init(o)
	}
}

// laneOf is the lane of k's session.
func (o *detachedCalls) laneOf(k *Call) *backpressure.Lane {
	return &o.lanes[maphash.Comparable(o.seed, k.Conv)%backpressure.OwnLanes]
}

// Run implements backpressure.Runner.
func (o *detachedCalls) Run(batch *backpressure.Ticket, n int, w *backpressure.Worker) {
	t := batch
	var r *run
	if n > 1 {
		r = &t.Job.(*Call).Conn.intake.p.runs[w.Number]
		r.detached = true
	}
	defer func() {
		// A handler has ended the goroutine. Unless it was taken over, the rest of the batch is in nobody else's hands.
		if taken := r.wasTaken(); t != nil && !taken {
			o.Run(t, n, w)
		}
	}()
	for t != nil {
		k := t.Job.(*Call)
		work, refused := t.Work, t.Refused
		t = t.Next()
		_, _ = k.Conn.execute(&k.ticket, nil, w, r) // their answers go into their post streams
		w.Ran(work, refused)
		if r.wasTaken() {
			t = nil
		}
	}
	r.end()
}

// refuseAged ends those that have waited too long while no worker came for them, most of them at most.
func (o *detachedCalls) refuseAged(in *Intake, most int) {
	for i := range o.lanes {
		t, n := in.p.Queue.Expire(&o.lanes[i], in.Now(), most)
		for t != nil {
			next := t.Next()
			_, _ = t.Job.(*Call).Conn.execute(t, nil, &in.self, nil)
			t = next
		}
		if most -= n; most == 0 {
			return
		}
	}
}

// Drained implements backpressure.Runner: what found the lane full was refused.
func (o *detachedCalls) Drained() {}
