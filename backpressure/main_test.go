package backpressure

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// message is a job as a connection would have it: the ticket embedded, and a count of how often it ended.
type message struct {
	Ticket
	number int
	ends   atomic.Int32
}

func newMessage(number int) *message {
	m := &message{number: number}
	m.Job = m
	return m
}

// peer is a connection: run handles each message, gate (if there is one) holds it until something is
// received from it.
type peer struct {
	Lane
	q       *Queue
	gate    chan struct{}
	onRun   func(m *message, n int)
	drained atomic.Int32
	runs    atomic.Int32
	aged    atomic.Int32
}

func newPeer(q *Queue) *peer {
	p := &peer{q: q}
	p.Init(p)
	return p
}

func (p *peer) Run(batch *Ticket, n int, w *Worker) {
	for t := batch; t != nil; {
		m := t.Job.(*message)
		t = t.Next()
		if p.gate != nil {
			<-p.gate
		}
		if m.Refused == QueueTimeout {
			p.aged.Add(1)
		}
		m.ends.Add(1)
		p.runs.Add(1)
		if p.onRun != nil {
			p.onRun(m, n)
		}
	}
}

func (p *peer) Drained() { p.drained.Add(1) }

// admit offers n messages of the given class and size and returns the first refusal and how many were in.
func (p *peer) admit(c Class, n, bytes int) (accepted int, refusal Refusal) {
	now := Now()
	for i := range n {
		if r := p.q.Admit(&p.Lane, &newMessage(i).Ticket, c, bytes, now); r != Accepted {
			return i, r
		}
	}
	return n, Accepted
}

func (p *peer) schedule() { p.q.Schedule(&p.Lane) }

func (p *peer) close() (dropped int) {
	p.q.Close(&p.Lane, func(t *Ticket) {
		t.Job.(*message).ends.Add(1)
		dropped++
	})
	return dropped
}

func testOptions() Options {
	o := DefaultOptions().Resolve(20_000)
	o.Workers = 4
	return o
}

func newQueue(t testing.TB, o Options) (*Queue, *metrics.Set) {
	t.Helper()
	set := metrics.NewSet()
	q, err := NewQueue(o, set)
	if err != nil {
		t.Fatal(err)
	}
	return q, set
}

// inBubble runs f with a started queue inside a synctest bubble and checks afterwards that nothing is left.
func inBubble(t *testing.T, o Options, f func(t *testing.T, q *Queue)) {
	synctest.Test(t, func(t *testing.T) {
		q, _ := newQueue(t, o)
		q.Start()
		f(t, q)
		stopEmpty(t, q)
	})
}

func stopEmpty(t *testing.T, q *Queue) {
	t.Helper()
	if cut := q.Stop(context.Background()); cut != 0 {
		t.Errorf("%d messages were cut off", cut)
	}
	if q.Waiting() != 0 || q.HeldBytes() != 0 || q.Executing(Compute) != 0 || q.Executing(Blocking) != 0 ||
		q.executingBytes.Load() != 0 {
		t.Errorf("left: %d waiting, %d bytes, %d + %d executing, %d bytes of them", q.Waiting(), q.HeldBytes(),
			q.Executing(Compute), q.Executing(Blocking), q.executingBytes.Load())
	}
	if n := q.lingering.Load(); n < 0 {
		t.Errorf("lingering is %d", n)
	}
}

func expect[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// series returns the value of one line of the exposition.
func series(t testing.TB, set *metrics.Set, name string) string {
	t.Helper()
	var b strings.Builder
	set.WritePrometheus(&b)
	for line := range strings.Lines(b.String()) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(rest)
		}
	}
	t.Errorf("no series %s in:\n%s", name, b.String())
	return ""
}

// elapse lets the bubble's clock go on, which takes no time.
func elapse(d time.Duration) { time.Sleep(d) }

// record is an ordered list that several workers write.
type record[T any] struct {
	mu   sync.Mutex
	list []T
}

func (r *record[T]) add(v T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, v)
}

// take empties it.
func (r *record[T]) take() []T {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.list
	r.list = nil
	return list
}
