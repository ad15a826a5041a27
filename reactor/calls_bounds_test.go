package reactor

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"weir/reactor/cluster/queue"
	"weir/reactor/cluster/queue/queuetest"
)

// What front ends and workers hold while their broker is slow.

// slow is a place at a broker that takes nothing, or forgets nothing, until a channel is closed.
type slow struct {
	*queuetest.Link
	pushes, forgets chan struct{} // nil: at once
	credit          int           // 0: nobody counts
	t               testing.TB

	mu     sync.Mutex
	undone int
}

func (q *slow) Push(jobs [][]byte) []error {
	if q.pushes != nil {
		<-q.pushes
	}
	return q.Link.Push(jobs)
}

func (q *slow) Done(jobs []queue.Job) {
	if q.forgets != nil {
		<-q.forgets
	}
	q.mu.Lock()
	q.undone -= len(jobs)
	q.mu.Unlock()
	q.Link.Done(jobs)
}

func (q *slow) Take(ctx context.Context, n int) ([]queue.Job, error) {
	q.mu.Lock()
	if q.credit > 0 && q.undone+n > q.credit {
		q.t.Errorf("%d jobs are asked for beside %d, with a credit of %d", n, q.undone, q.credit)
	}
	q.mu.Unlock()
	jobs, err := q.Link.Take(ctx, n)
	q.mu.Lock()
	q.undone += len(jobs)
	q.mu.Unlock()
	return jobs, err
}

// TestCallsCredit: calls that are answered count for a worker until the broker has forgotten them.
func TestCallsCredit(t *testing.T) {
	broker, forgets := queuetest.NewBroker(), make(chan struct{})
	s := atBroker(t, broker.Open, "front", false, nil).isUp()
	atBroker(t, func(c queue.Config) (queue.Queue, error) {
		return &slow{Link: broker.Join(c), t: t, forgets: forgets, credit: c.Credit}, nil
	}, "worker", true, func(o *queue.Options) { o.Credit = 4 })
	p := s.dial("tcp").greet()
	for n := range 10 {
		p.send(holdCall(n, "echo"))
	}
	p.line()
	close(forgets)
	for range 9 {
		p.line()
	}
}

// TestCallsTakenBackUnpushed: a call that its client takes back before the broker has it stays on the books, with all its
// bytes, as long as these are there.
func TestCallsTakenBackUnpushed(t *testing.T) {
	broker, pushes := queuetest.NewBroker(), make(chan struct{})
	s := atBroker(t, func(c queue.Config) (queue.Queue, error) {
		return &slow{Link: broker.Join(c), pushes: pushes}, nil
	}, "front", false, func(o *queue.Options) { o.MaxInFlightBytes = 256 << 10 }).isUp()
	unblock := sync.OnceFunc(func() { close(pushes) })
	defer unblock()
	p := s.dial("tcp").greet()
	in := func(want string) func() bool {
		return func() bool { return s.metric("weir_cluster_queue_in_flight") == want }
	}
	const refused = `weir_cluster_queue_calls_failed_total{reason="cluster_in_flight"}`
	p.send(holdCall(1, "echo"))
	s.eventually("the first is on its way", in("1"))
	n := 2
	for ; n < 30 && s.metric(refused) == "0"; n++ {
		p.send(toolCall(fmt.Sprint(n), "echo", `{"message":"`+strings.Repeat("x", 20<<10)+`"}`) + "\n")
		s.eventually("it is in flight, or refused", func() bool { return in("2")() || s.metric(refused) != "0" })
		p.send(cancelled(fmt.Sprint(n)) + "\n")
		s.eventually("it is taken back", in("1"))
	}
	if n == 30 {
		t.Errorf("28 calls of 20 KiB wait to be pushed, %s bytes are on the books",
			s.metric("weir_cluster_queue_in_flight_bytes"))
	}
	unblock()
	p.send(cancelled("1") + "\n")
	s.eventually("nothing is left", func() bool {
		return in("0")() && s.metric("weir_cluster_queue_in_flight_bytes") == "0"
	})
	if broker.Waiting() > 1 {
		t.Errorf("%d calls were pushed", broker.Waiting())
	}
}

// TestCallsFrontAnew: what is said to a front end that is gone does not reach the calls of the one that has come under
// its name.
func TestCallsFrontAnew(t *testing.T) {
	broker := queuetest.NewBroker()
	worker := atBroker(t, broker.Open, "worker", true, func(o *queue.Options) { o.Credit = 1 }).addHold()
	var link *queuetest.Link
	former := atBroker(t, opened(broker, &link), "front", false, nil).addHold().isUp()
	former.dial("tcp").greet().send(holdCall(1, "hold"))
	worker.awaitStuck()
	link.Cut(true)
	p := atBroker(t, broker.Open, "front", false, nil).addHold().isUp().dial("tcp").greet()
	p.send(holdCall(2, "hold"))
	former.eventually("its call waits for the other's", func() bool { return broker.Waiting() == 1 })
	worker.free()
	contains(t, p.line(), `"id":2`, "held 2")
}
