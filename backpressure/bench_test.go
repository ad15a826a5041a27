package backpressure

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"weir/backpressure/ring"
)

// The whole way of a message on one goroutine: Admit, Schedule, pop, take, an empty Run, settle. What
// remains of a hand-off when waking costs nothing.
func BenchmarkMessage(b *testing.B) {
	for _, n := range []int{1, 32, 64} {
		b.Run(fmt.Sprintf("batch=%d", n), func(b *testing.B) {
			q, _ := newQueue(b, testOptions())
			w := &Worker{shard: q.metrics.nextShard(Compute)}
			var l Lane
			l.Init(nothing{})
			tickets, work := make([]Ticket, n), q.NewWork()
			for i := range tickets {
				tickets[i].Work = work
			}
			b.ReportAllocs()
			for done := 0; done < b.N; done += n {
				now := Now()
				for i := range tickets {
					if r := q.Admit(&l, &tickets[i], Compute, 100, now); r != Accepted {
						b.Fatal(r)
					}
				}
				q.Schedule(&l)
				for {
					l, ok := q.pools[Compute].ring.Pop(&ring.Row{})
					if !ok {
						break
					}
					q.serve(l, Compute, w)
				}
			}
		})
	}
}

type nothing struct{}

func (nothing) Run(*Ticket, int, *Worker) {}
func (nothing) Drained()                  {}

// window is a connection that has n messages in flight and sends the next n when all were answered.
type window struct {
	Lane
	tickets []Ticket
	left    atomic.Int64
	done    chan struct{}
}

func (p *window) Run(batch *Ticket, n int, w *Worker) {
	for t := batch; t != nil; t = t.Next() {
		w.Buf = append(w.Buf[:0], "an answer"...)
	}
	if p.left.Add(int64(-n)) == 0 {
		p.done <- struct{}{}
	}
}

func (p *window) Drained() {}

// The hand-off between goroutines: loops admit n messages each and wait for them, workers run them.
func BenchmarkHandOff(b *testing.B) {
	for _, class := range []Class{Compute, Blocking} {
		for _, loops := range []int{1, 64} {
			for _, n := range []int{1, 32, 64} {
				b.Run(fmt.Sprintf("class=%v/connections=%d/batch=%d", class, loops, n), func(b *testing.B) {
					handOff(b, class, loops, n)
				})
			}
		}
	}
}

func handOff(b *testing.B, class Class, connections, n int) {
	q, _ := newQueue(b, DefaultOptions().Resolve(20_000))
	q.Start()
	defer q.Stop(b.Context())
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for range connections {
		wg.Go(func() {
			p := &window{tickets: make([]Ticket, n), done: make(chan struct{}, 1)}
			p.Init(p)
			for sent := 0; sent < b.N/connections; sent += n {
				p.left.Store(int64(n))
				now := Now()
				for i := range p.tickets {
					if r := q.Admit(&p.Lane, &p.tickets[i], class, 100, now); r != Accepted {
						panic(r)
					}
				}
				q.Schedule(&p.Lane)
				<-p.done
			}
		})
	}
	wg.Wait()
}

// What a refusal costs: the caps say no, the refusal is counted, the peer is told when to come back.
func BenchmarkRefusal(b *testing.B) {
	o := testOptions()
	o.MaxWaitingPerConnection = 1
	q, _ := newQueue(b, o)
	p, m := newPeer(q), newMessage(0)
	p.admit(Compute, 1, 1)
	b.ReportAllocs()
	for b.Loop() {
		r := q.Admit(&p.Lane, &m.Ticket, Compute, 1, 0)
		q.CountRefusal(r)
		q.RetryAfter(r)
	}
}

// fifo is what the ring is measured against.
type fifo interface {
	push(*Lane) bool
	pop() (*Lane, bool)
}

type ringFIFO struct{ *ring.Ring[*Lane] }

func (r ringFIFO) push(l *Lane) bool  { return r.Push(l) }
func (r ringFIFO) pop() (*Lane, bool) { return r.Pop() }

type channelFIFO chan *Lane

func (c channelFIFO) push(l *Lane) bool {
	select {
	case c <- l:
		return true
	default:
		return false
	}
}

func (c channelFIFO) pop() (*Lane, bool) {
	select {
	case l := <-c:
		return l, true
	default:
		return nil, false
	}
}

type mutexFIFO struct {
	mu         sync.Mutex
	slots      []*Lane
	head, tail int
}

func (r *mutexFIFO) push(l *Lane) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tail-r.head == len(r.slots) {
		return false
	}
	r.slots[r.tail&(len(r.slots)-1)] = l
	r.tail++
	return true
}

func (r *mutexFIFO) pop() (*Lane, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tail == r.head {
		return nil, false
	}
	l := r.slots[r.head&(len(r.slots)-1)]
	r.slots[r.head&(len(r.slots)-1)] = nil
	r.head++
	return l, true
}

// One push and one pop each, alone and with many goroutines at both ends.
func BenchmarkRing(b *testing.B) {
	const capacity = 1 << 14
	lane := new(Lane)
	for _, queue := range []struct {
		name string
		make func() fifo
	}{
		{"ring", func() fifo { return ringFIFO{ring.New[*Lane](capacity)} }},
		{"channel", func() fifo { return make(channelFIFO, capacity) }},
		{"mutex", func() fifo { return &mutexFIFO{slots: make([]*Lane, capacity)} }},
	} {
		b.Run("alone/"+queue.name, func(b *testing.B) {
			f := queue.make()
			for b.Loop() {
				f.push(lane)
				f.pop()
			}
		})
		for _, parties := range []int{1, 4, 32} {
			b.Run(fmt.Sprintf("producers=%d,consumers=%d/%s", parties, parties, queue.name), func(b *testing.B) {
				transfer(b, queue.make(), parties, lane)
			})
		}
	}
}

func transfer(b *testing.B, f fifo, parties int, lane *Lane) {
	var wg sync.WaitGroup
	for range parties {
		wg.Go(func() {
			for range b.N / parties {
				for !f.push(lane) {
					runtime.Gosched()
				}
			}
		})
		wg.Go(func() {
			for range b.N / parties {
				for {
					if _, ok := f.pop(); ok {
						break
					}
					runtime.Gosched()
				}
			}
		})
	}
	wg.Wait()
}

// BenchmarkObserve counts a batch in the histograms, as each worker does once per batch.
func BenchmarkObserve(b *testing.B) {
	m := new(queueMetrics)
	taken := batch{first: &newMessage(0).Ticket, n: 7}
	taken.first.since = 3e6
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			m.nextShard(Compute).observe(taken)
		}
	})
}
