package backpressure

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// Several loops do random things to their connections while workers run them. Whatever the order: when all
// is quiet the counts are zero, each accepted message ended exactly once, and no cap was ever passed.
func TestProperty(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	o := testOptions()
	o.MaxWaitingPerConnection = 100
	o.MaxWaitingBytesPerConnection = 5_000
	o.MaxWaiting = 400
	o.MaxQueueBytes = 20_000
	o.MaxExecutingPerConnection = 8
	o.MaxBlockingWorkers = 6
	o.MaxConnections, o.SoftConnections = 64, 64
	q, _ := newQueue(t, o)
	limits, err := NewLimits(o, q, nil, metrics.NewSet())
	if err != nil {
		t.Fatal(err)
	}
	q.Start()
	loops := make([]propertyLoop, 4)
	var wg sync.WaitGroup
	for i := range loops {
		loop := &loops[i]
		loop.q, loop.limits, loop.random = q, limits, rand.New(rand.NewPCG(seed, uint64(i)))
		wg.Go(func() { loop.run(8_000) })
	}
	wg.Wait()
	if left := q.Drain(t.Context()); left != 0 {
		t.Errorf("%d left after the drain", left)
	}
	// of what is closed and empty a drain knows nothing
	for limit := time.After(20 * time.Second); q.lingering.Load() != 0; {
		select {
		case <-limit:
			t.Fatalf("%d closed lanes linger in rings", q.lingering.Load())
		default:
			runtime.Gosched()
		}
	}
	stopEmpty(t, q)
	accepted, refused, expired := 0, 0, 0
	for i := range loops {
		accepted += len(loops[i].accepted)
		refused += loops[i].refused
		expired += loops[i].expired
		for _, m := range loops[i].accepted {
			if ends := m.ends.Load(); ends != 1 {
				t.Fatalf("a message ended %d times", ends)
			}
		}
		for _, p := range loops[i].all {
			if messages, bytes := p.Waiting(); messages != 0 || bytes != 0 || p.Executing() != 0 {
				t.Errorf("a lane with %d messages, %d bytes, %d executing", messages, bytes, p.Executing())
			}
		}
	}
	t.Logf("%d accepted, %d refused, %d expired, peak %d messages, %d bytes", accepted, refused, expired,
		q.waiting.peak.Load(), q.held.peak.Load())
	if accepted == 0 || refused == 0 || expired == 0 {
		t.Error("the test did not exercise every outcome")
	}
	if q.waiting.peak.Load() > int64(o.MaxWaiting) || q.held.peak.Load() > int64(o.MaxQueueBytes) {
		t.Error("a cap was passed")
	}
}

// propertyLoop is an event loop that owns some connections and does random things to them.
type propertyLoop struct {
	q        *Queue
	limits   *Limits
	random   *rand.Rand
	open     []*peer
	all      []*peer
	accepted []*message
	refused  int
	expired  int
}

func (l *propertyLoop) run(steps int) {
	for range steps {
		l.step()
	}
	// The end of the loop: half of the connections are closed, the others must be able to finish.
	for i, p := range l.open {
		if i%2 == 0 {
			l.close(p)
		} else {
			l.q.Resume(&p.Lane)
		}
	}
}

func (l *propertyLoop) step() {
	if len(l.open) == 0 || l.random.IntN(100) == 0 && len(l.open) < 10 {
		if l.limits.Open(loopback) != Accepted {
			return
		}
		p := newPeer(l.q)
		l.open, l.all = append(l.open, p), append(l.all, p)
	}
	i := l.random.IntN(len(l.open))
	p := l.open[i]
	switch l.random.IntN(13) {
	case 0:
		l.q.Pause(&p.Lane)
	case 1, 2:
		l.q.Resume(&p.Lane)
	case 3:
		l.expire(p)
	case 4:
		if l.random.IntN(20) == 0 {
			l.close(p)
			l.open[i] = l.open[len(l.open)-1]
			l.open = l.open[:len(l.open)-1]
		}
	default:
		l.read(p)
	}
}

// read is a read event: up to 40 messages, then one Schedule.
func (l *propertyLoop) read(p *peer) {
	now := Now()
	for range 1 + l.random.IntN(40) {
		m := newMessage(0)
		class := Class(l.random.IntN(classes))
		if l.q.Admit(&p.Lane, &m.Ticket, class, l.random.IntN(200), now) == Accepted {
			l.accepted = append(l.accepted, m)
		} else {
			l.refused++
		}
	}
	l.q.Schedule(&p.Lane)
}

// expire has some of what waits be too old, whatever its age.
func (l *propertyLoop) expire(p *peer) {
	then := Now() + int64(l.q.options.QueueTimeout) - int64(l.random.IntN(int(2*time.Millisecond)))
	t, n := l.q.Expire(&p.Lane, then, l.random.IntN(60))
	for ; t != nil; n-- {
		m := t.Job.(*message)
		if t.Refused != QueueTimeout && t.Refused != Overload {
			panic("Expire did not say why")
		}
		t = t.Next()
		m.ends.Add(1)
		l.expired++
	}
	if n != 0 {
		panic("Expire counts otherwise than it links")
	}
}

func (l *propertyLoop) close(p *peer) {
	p.close()
	l.limits.Close(loopback)
}
