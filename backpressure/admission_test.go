package backpressure

import (
	"testing"
	"testing/synctest"
	"time"

	"weir/backpressure/ring"
)

// The handler is stuck and the client goes on sending: 10,000 wait, the next is refused, the rest of the
// server does not notice, and in the end everything that was admitted ran.
func TestConnectionQueueFull(t *testing.T) {
	o := testOptions()
	inBubble(t, o, func(t *testing.T, q *Queue) {
		stuck := newPeer(q)
		stuck.gate = make(chan struct{})
		stuck.admit(Blocking, o.MaxExecutingPerConnection-1, 64)
		stuck.schedule()
		synctest.Wait() // all of them are with workers now
		accepted, refusal := stuck.admit(Blocking, 20_000, 64)
		expect(t, "accepted", accepted, 10_000)
		expect(t, "refusal", refusal, ConnectionQueueFull)
		messages, bytes := stuck.Waiting()
		expect(t, "waiting", messages, 10_000)
		expect(t, "waiting bytes", bytes, 640_000)
		expect(t, "executing", stuck.Executing(), o.MaxExecutingPerConnection-1)
		expect(t, "peak", q.waiting.peak.Load(), 10_000)

		other := newPeer(q)
		other.admit(Compute, 10, 64)
		other.schedule()
		synctest.Wait()
		expect(t, "the other connection's runs", other.runs.Load(), 10)

		close(stuck.gate)
		stuck.schedule()
		synctest.Wait()
		expect(t, "runs", int(stuck.runs.Load()), 10_000+o.MaxExecutingPerConnection-1)
		expect(t, "idle", stuck.Idle(), true)
	})
}

func TestConnectionQueueBytes(t *testing.T) {
	inBubble(t, testOptions(), func(t *testing.T, q *Queue) {
		p := newPeer(q)
		accepted, refusal := p.admit(Compute, 2000, 1024)
		expect(t, "accepted", accepted, 1024) // 1 MiB
		expect(t, "refusal", refusal, ConnectionQueueBytes)
		_, refusal = p.admit(Compute, 1, 1)
		expect(t, "one byte more", refusal, ConnectionQueueBytes)
		_, refusal = p.admit(Compute, 1, 0)
		expect(t, "nothing more", refusal, Accepted)
		expect(t, "dropped", p.close(), 1025)
		_, refusal = p.admit(Compute, 1, 0)
		expect(t, "after close", refusal, ConnectionClosed)
		expect(t, "second close", p.close(), 0)
	})
}

// 50 connections fill the global queue with 64-byte messages at full size; not one message more gets in.
func TestQueueFull(t *testing.T) {
	q, set := newQueue(t, testOptions())
	var peers []*peer
	for range 50 {
		p := newPeer(q)
		p.schedule()
		accepted, _ := p.admit(Compute, 10_000, 64)
		expect(t, "accepted", accepted, 10_000)
		peers = append(peers, p)
	}
	expect(t, "waiting", q.Waiting(), 500_000)
	late := newPeer(q)
	_, refusal := late.admit(Compute, 1, 64)
	expect(t, "refusal", refusal, QueueFull)
	_, refusal = peers[0].admit(Compute, 1, 64)
	expect(t, "refusal of a full connection", refusal, ConnectionQueueFull)
	expect(t, "gauge", series(t, set, "weir_queue_waiting_messages"), "500000")
	expect(t, "bytes", series(t, set, "weir_queue_waiting_bytes"), "32000000")
	expect(t, "dropped", peers[0].close(), 10_000)
	_, refusal = late.admit(Compute, 1, 64)
	expect(t, "refusal after one connection closed", refusal, Accepted)
	expect(t, "peak", series(t, set, "weir_queue_waiting_peak_messages"), "500000")
	late.close()

	q.Start()
	for _, p := range peers[1:] {
		p.schedule()
	}
	if left := q.Drain(t.Context()); left != 0 {
		t.Errorf("%d left after the drain", left)
	}
	for _, p := range peers[1:] {
		expect(t, "runs", p.runs.Load(), 10_000)
	}
	stopEmpty(t, q)
}

// The byte budget holds messages until they are done, not only until a worker takes them.
func TestQueueBytes(t *testing.T) {
	o := testOptions()
	o.MaxQueueBytes = 1 << 20
	inBubble(t, o, func(t *testing.T, q *Queue) {
		p := newPeer(q)
		p.gate = make(chan struct{})
		accepted, _ := p.admit(Blocking, 4, 200<<10)
		expect(t, "accepted", accepted, 4)
		p.schedule()
		synctest.Wait()
		expect(t, "executing", q.Executing(Blocking), 4)
		expect(t, "waiting", q.Waiting(), 0)
		expect(t, "held", q.HeldBytes(), 800<<10)
		other := newPeer(q)
		accepted, refusal := other.admit(Compute, 3, 200<<10)
		expect(t, "accepted of the other", accepted, 1)
		expect(t, "refusal", refusal, QueueBytes)
		expect(t, "waiting after the refusal", q.Waiting(), 1)
		close(p.gate)
		synctest.Wait()
		expect(t, "held when done", q.HeldBytes(), 200<<10)
		other.schedule()
		synctest.Wait()
	})
}

func TestPauseResume(t *testing.T) {
	inBubble(t, testOptions(), func(t *testing.T, q *Queue) {
		p := newPeer(q)
		p.q.Pause(&p.Lane)
		p.admit(Compute, 100, 10)
		p.admit(Blocking, 10, 10)
		p.schedule()
		synctest.Wait()
		expect(t, "runs while paused", p.runs.Load(), 0)
		p.q.Resume(&p.Lane)
		synctest.Wait()
		expect(t, "runs after", p.runs.Load(), 110)

		// Paused while it stands in the ring, and while a batch runs: the batch ends, no other starts.
		p.gate = make(chan struct{})
		p.admit(Compute, 40, 10)
		p.schedule()
		synctest.Wait()
		p.q.Pause(&p.Lane)
		close(p.gate)
		synctest.Wait()
		expect(t, "runs of the batch", p.runs.Load(), 110+32)
		p.q.Resume(&p.Lane)
		synctest.Wait()
		expect(t, "runs in the end", p.runs.Load(), 150)
	})
}

// Drained comes once per refusal for the connection's own caps, at half of them, not before.
func TestDrained(t *testing.T) {
	o := testOptions()
	o.MaxWaitingPerConnection = 10
	o.WorkerBatch = 1
	o.MaxExecutingPerConnection = 1
	inBubble(t, o, func(t *testing.T, q *Queue) {
		p := newPeer(q)
		p.gate = make(chan struct{})
		p.admit(Compute, 1, 0)
		p.schedule()
		synctest.Wait()
		for round := range int32(3) {
			_, refusal := p.admit(Compute, 11, 0)
			expect(t, "refusal", refusal, ConnectionQueueFull)
			for range 4 {
				p.gate <- struct{}{}
			}
			synctest.Wait()
			expect(t, "drained at 6 of 10", p.drained.Load(), round)
			p.gate <- struct{}{}
			synctest.Wait()
			expect(t, "drained at 5 of 10", p.drained.Load(), round+1)
			p.gate <- struct{}{}
			synctest.Wait()
			expect(t, "drained at 4 of 10", p.drained.Load(), round+1)
		}
		close(p.gate)
		synctest.Wait()
	})
}

// The connection goes away while its messages run and wait: those that run settle, the others are dropped.
func TestCloseWhileExecuting(t *testing.T) {
	inBubble(t, testOptions(), func(t *testing.T, q *Queue) {
		p := newPeer(q)
		p.gate = make(chan struct{})
		p.admit(Blocking, 50, 100)
		p.admit(Compute, 50, 100)
		p.schedule()
		synctest.Wait()
		executing := p.Executing()
		expect(t, "dropped", p.close(), 100-executing)
		expect(t, "held", q.HeldBytes(), executing*100)
		close(p.gate)
		synctest.Wait()
		expect(t, "runs", int(p.runs.Load()), executing)
		expect(t, "lingering", q.lingering.Load(), 0)
	})
}

// A closed lane that still stands in a ring keeps a connection's place until a worker comes by.
func TestClosedLanesLinger(t *testing.T) {
	o := testOptions()
	o.MaxConnections, o.SoftConnections = 4, 4
	q, set := newQueue(t, o)
	limits, err := NewLimits(o, q, nil, set)
	if err != nil {
		t.Fatal(err)
	}
	for range o.MaxConnections {
		p := newPeer(q)
		expect(t, "open", limits.Open(loopback), Accepted)
		p.admit(Compute, 1, 1)
		p.schedule()
		expect(t, "dropped", p.close(), 1)
		limits.Close(loopback)
	}
	expect(t, "connections", limits.Connections(), 0)
	expect(t, "open with four leftovers", limits.Open(loopback), ConnectionLimit)
	synctest.Test(t, func(t *testing.T) {
		for range o.MaxConnections {
			l, _ := q.pools[Compute].ring.Pop(&ring.Row{})
			q.serve(l, Compute, nil)
		}
	})
	expect(t, "open without", limits.Open(loopback), Accepted)
}

func TestQueueAge(t *testing.T) {
	inBubble(t, testOptions(), func(t *testing.T, q *Queue) {
		p := newPeer(q)
		var waits record[time.Duration]
		p.onRun = func(m *message, _ int) { waits.add(m.Wait()) }
		f := func(c Class, pause time.Duration, aged int32) {
			t.Helper()
			before := p.aged.Load()
			p.admit(c, 1, 10)
			elapse(pause)
			p.schedule()
			synctest.Wait()
			expect(t, "aged", p.aged.Load()-before, aged)
			expect(t, "wait", waits.list[len(waits.list)-1], pause)
		}
		f(Compute, 0, 0)
		f(Compute, 5*time.Second, 0)
		f(Compute, 5*time.Second+1, 1)
		f(Blocking, 5*time.Second, 0)
		f(Blocking, time.Hour, 1)
	})
	o := testOptions()
	o.QueueTimeout = 0
	inBubble(t, o, func(t *testing.T, q *Queue) {
		p := newPeer(q)
		p.admit(Compute, 1, 10)
		elapse(time.Hour)
		p.schedule()
		synctest.Wait()
		expect(t, "aged without a limit", p.aged.Load(), 0)
	})
}

func TestAdmitTwicePanics(t *testing.T) {
	q, _ := newQueue(t, testOptions())
	p, m := newPeer(q), newMessage(0)
	expect(t, "first", q.Admit(&p.Lane, &m.Ticket, Compute, 1, 0), Accepted)
	defer func() {
		if recover() == nil {
			t.Error("a ticket was admitted twice without a panic")
		}
	}()
	q.Admit(&p.Lane, &m.Ticket, Compute, 1, 0)
}

// Saying no must not cost memory, above all when there is none left.
func TestRefusingDoesNotAllocate(t *testing.T) {
	o := testOptions()
	o.MaxWaitingPerConnection = 1
	q, _ := newQueue(t, o)
	p, m := newPeer(q), newMessage(0)
	p.admit(Compute, 1, 1)
	allocations := testing.AllocsPerRun(1000, func() {
		r := q.Admit(&p.Lane, &m.Ticket, Compute, 1, 0)
		q.CountRefusal(r)
		if r != ConnectionQueueFull || r.String() == "" || q.RetryAfter(r) <= 0 {
			t.Error(r)
		}
	})
	expect(t, "allocations", allocations, 0)
}
