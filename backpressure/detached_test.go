package backpressure

import "testing"

// Detached work runs on everybody's workers, over several lanes, and is refused like the rest.
func TestDetached(t *testing.T) {
	o := testOptions()
	o.TaskLanes, o.MaxWaitingPerConnection = 3, 2
	inBubble(t, o, func(t *testing.T, q *Queue) {
		p := &peer{q: q, gate: make(chan struct{})}
		d := q.Detach(p)
		for i := range 3 { // one of each lane, so that nothing leaves the lanes meanwhile
			q.Pause(&d.lanes[i].lane)
		}
		for i := range 6 {
			expect(t, "admitted", d.Admit(&newMessage(i).Ticket, Blocking, 10, Now()), Accepted)
		}
		late := newMessage(6)
		expect(t, "beyond every lane", d.Admit(&late.Ticket, Blocking, 10, Now()), QueueFull)
		expect(t, "held", q.HeldBytes(), 60)
		for i := range 3 {
			q.Resume(&d.lanes[i].lane)
		}
		close(p.gate)
		expect(t, "left after a drain", q.Drain(t.Context()), 0)
		expect(t, "runs", p.runs.Load(), 6)
		expect(t, "held at the end", q.HeldBytes(), 0)
		expect(t, "while it drains", d.Admit(&late.Ticket, Blocking, 10, Now()), Draining)
		defer func() {
			if recover() == nil {
				t.Error("Detach was called twice")
			}
		}()
		q.Detach(p)
	})
}

// What is too long for the lanes meets the same word as what is too long for the queue.
func TestDetachedBytes(t *testing.T) {
	o := testOptions()
	o.TaskLanes, o.MaxWaitingBytesPerConnection = 2, 5
	inBubble(t, o, func(t *testing.T, q *Queue) {
		expect(t, "refusal", q.Detach(newPeer(q)).Admit(&newMessage(0).Ticket, Blocking, 10, Now()), QueueBytes)
	})
}
