package backpressure

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"weir/backpressure/number"
	"weir/backpressure/ring"
)

// Worker is what a goroutine that runs batches carries from one to the next.
type Worker struct {
	// Buf is scratch for answers. The Runner may append to it, replace it, and leave anything in it; what
	// it holds is worthless after Run returns.
	Buf []byte

	// Number tells this goroutine from all others alive, of either class: at least 0, less than Queue.MaxWorkers. Low
	// ones are used first, and again.
	Number int

	shard     *shard
	searching bool // this goroutine is the one that pool.searching stands for
	blocks    bool // it is of class Blocking
	passed    int  // lanes in a row that it has passed over (fair.go)
	row       ring.Row

	// claimed is when this goroutine was woken by who pushed; 0 if it was up, or was woken by another that found more.
	claimed int64

	// Of the batch, class Compute: when it was taken, up to when it has come, and what was not learnt from yet.
	taken, mark int64
	work        *Work
	samples     int
	sampled     int64
}

// Taken is when the batch was taken, in the time of Now.
func (w *Worker) Taken() int64 { return w.taken }

func (w *Worker) begin(now int64) { w.taken, w.mark = now, now }

// Ran says that the next message of the batch is done, which was of this kind of work, and returns Now. What it took
// is learnt from, unless it was refused. In class Blocking nothing is learnt, and 0 returned.
func (w *Worker) Ran(work *Work, refused Refusal) (now int64) {
	if w.blocks {
		return 0
	}
	now = Now()
	if refused == Accepted && work != nil {
		if work != w.work {
			w.learn()
			w.work = work
		}
		w.samples++
		w.sampled += now - w.mark
	}
	w.mark = now
	return now
}

// learn ends a stretch of messages of one kind of work.
func (w *Worker) learn() {
	if w.samples > 0 {
		w.work.learn(w.samples, w.sampled)
	}
	w.work, w.samples, w.sampled = nil, 0, 0
}

// end is the end of a batch.
func (w *Worker) end(q *Queue) {
	w.learn()
	q.ran(w.mark, w.mark-w.taken)
}

// yieldAfter is the length of a batch behind which a worker lets others go on that wait for a core: a loop that has
// refusals to tell would wait for the runtime to stop this one else, which it does after 10 ms.
const yieldAfter = 100 * time.Microsecond

// What all runnable lanes together may have taken before a lane's turn comes again, and the least a turn is worth: a
// batch shares one write, so smaller ones cost more.
const (
	roundMessages = 1024
	leastBatch    = 4
)

// quantum is how many messages of one lane are taken at once: fewer as more lanes are runnable. A lane with one message
// waits for a turn of every lane before it, so thousands of busy ones with 32 messages each would cost it a second.
func (p *pool) quantum() int {
	lanes := p.ring.Length()
	if lanes*p.batch <= roundMessages {
		return p.batch
	}
	return min(p.batch, max(leastBatch, roundMessages/lanes))
}

// trim drops a buffer that grew beyond what is kept between batches.
func (w *Worker) trim(most int) {
	if cap(w.Buf) > most {
		w.Buf = nil
	}
}

// pool is the ring of runnable lanes of one class and the goroutines that empty it.
//
// Goroutines are started on demand up to limit; up to keep of them sleep when the ring is empty, the rest
// end. In class Compute both are Options.Workers, so all of them always live; in class Blocking a few are kept
// warm, because a tool that did not have to wait after all should not pay for a new stack each time.
//
// Waking is the expensive part (a futex call), so there is at most one searcher: a goroutine that was
// woken or started and has not found anything yet. While there is one, a push wakes nobody; the searcher
// wakes the next one when it finds something and sees more. No wake-up is lost, since both sides write
// before they look: a pusher pushes, then looks for a searcher and for sleepers; a worker stops being the
// searcher and becomes a sleeper, then looks at the ring once more. Nobody spins before sleeping: it won
// nothing that could be measured on two cores, and an idle server shall cost no CPU.
type pool struct {
	queue   *Queue
	class   Class
	ring    ring.Pair[*Lane]
	batch   int // messages taken at once
	scratch int // bytes of Worker.Buf kept between batches
	limit   int32
	keep    int32

	state   atomic.Int32  // idle, running, stopped
	wakeups chan int64    // for each sleeper that was claimed, its Worker.claimed
	ended   chan struct{} // closed when stopped and no goroutine is left
	end     sync.Once
	numbers number.Numbers

	_         [cacheLineBytes]byte // what is above is only read once the pool runs
	alive     atomic.Int32         // goroutines
	sleepers  atomic.Int32         // goroutines that sleep and were not claimed yet
	searching atomic.Bool
	busySince atomic.Int64 // when somebody saw first that all of limit are at work; 0 while they are not
	stoodAt   atomic.Int64 // when the queue was last seen to be overloaded; 0: never
	_         [cacheLineBytes]byte
}

const (
	poolIdle int32 = iota
	poolRunning
	poolStopped
)

func newPool(q *Queue, c Class, limit, keep int) *pool {
	p := &pool{
		queue:   q,
		class:   c,
		ring:    ring.NewPair[*Lane](q.options.MaxConnections + OwnLanes + q.options.TaskLanes),
		batch:   q.options.WorkerBatch,
		scratch: q.options.ComputeScratchBytes,
		limit:   int32(limit),
		keep:    int32(min(keep, limit)),
		wakeups: make(chan int64, limit), // as many as there can be sleepers: sending never blocks
		ended:   make(chan struct{}),
	}
	if c == Blocking {
		p.numbers.First = q.options.Workers
		p.batch = 1
		p.scratch = q.options.BlockingScratchBytes
	}
	return p
}

func (p *pool) start() {
	if !p.state.CompareAndSwap(poolIdle, poolRunning) {
		panic("backpressure: the queue was started twice, or after Stop")
	}
	if p.keep == p.limit {
		for range p.limit {
			p.spawn(false)
		}
	}
	p.wakeIfMore()
}

func (p *pool) stop() {
	p.state.Store(poolStopped)
	for p.claim() {
		p.wakeups <- 0
	}
	if p.alive.Load() == 0 {
		p.end.Do(func() { close(p.ended) })
	}
}

// push puts l at the tail of the ring. It cannot fail: a lane is in a ring at most once, and Limits keeps
// open connections and closed ones that linger within the ring's capacity.
func (p *pool) push(l *Lane, isNew bool) {
	if isNew && p.ring.PushNew(l) {
		return
	}
	if !p.ring.Push(l) {
		panic(fmt.Sprintf("backpressure: more than %d lanes are runnable in class %s, %d of them closed",
			p.ring.Capacity(), p.class, p.queue.lingering.Load()))
	}
}

// wake makes sure that somebody will look at the ring, to which the caller has just pushed, or in which it saw more.
func (p *pool) wake(pushed bool) {
	// The loop covers who fell asleep, or what was pushed, while this call held the searcher's place in
	// vain; it ends when everybody is at work, and whoever finishes then looks at the ring.
	for p.sleepers.Load() > 0 || p.mayGrow() {
		if p.searching.Load() || !p.searching.CompareAndSwap(false, true) {
			return
		}
		if p.claim() {
			at := int64(0)
			if pushed {
				at = Now()
			}
			p.wakeups <- at
			return
		}
		if p.spawn(true) {
			return
		}
		p.searching.Store(false)
	}
}

func (p *pool) wakeIfMore() {
	if p.ring.More() {
		p.wake(false)
	}
}

// free is how many goroutines have nothing to do: those that sleep, and one that was woken and has found nothing yet.
// Who is woken searches before it sleeps no more: read in this order, nobody is missed, and at worst one counts twice.
func (p *pool) free() int64 {
	n := int64(p.sleepers.Load())
	if p.searching.Load() {
		n++
	}
	return n
}

// claim takes one sleeper, any one, off the count; true: the caller owes a token.
func (p *pool) claim() bool {
	for {
		n := p.sleepers.Load()
		if n == 0 {
			return false
		}
		if p.sleepers.CompareAndSwap(n, n-1) {
			return true
		}
	}
}

func (p *pool) mayGrow() bool { return p.alive.Load() < p.limit && p.state.Load() == poolRunning }

// spawn starts a goroutine if there may be one more.
func (p *pool) spawn(searching bool) bool {
	for {
		n := p.alive.Load()
		if n >= p.limit {
			return false
		}
		if p.alive.CompareAndSwap(n, n+1) {
			break
		}
	}
	// Counted first, so that either stop waits for this goroutine or this sees that it came too late.
	if p.state.Load() != poolRunning {
		p.leave()
		return false
	}
	go p.work(searching)
	return true
}

// leave ends what spawn counted.
func (p *pool) leave() {
	if p.alive.Add(-1) == 0 && p.state.Load() == poolStopped {
		p.end.Do(func() { close(p.ended) })
	}
}

// work is the life of a goroutine of the pool.
func (p *pool) work(searching bool) {
	w := &Worker{Number: p.numbers.Take(), shard: p.queue.metrics.nextShard(p.class), searching: searching,
		blocks: p.class == Blocking}
	// A Run that calls runtime.Goexit ends this goroutine; it is replaced as soon as there is more to do.
	// At the ordinary end too something may have been pushed while all of limit seemed to be busy.
	defer p.wakeIfMore()
	defer p.leave()
	defer p.numbers.Give(w.Number) // before another goroutine may come in its stead
	for l := p.next(w); l != nil; l = p.next(w) {
		p.queue.serve(l, p.class, w)
		if w.mark-w.taken > int64(yieldAfter) {
			runtime.Gosched()
		}
	}
}

// next returns the lane to serve, nil when this goroutine shall end.
func (p *pool) next(w *Worker) *Lane {
	for p.state.Load() == poolRunning {
		l, ok := p.ring.Pop(&w.row)
		if !ok && p.ring.More() {
			runtime.Gosched() // a push is half done; let it finish. w searches on, and counts as free.
			continue
		}
		p.found(w)
		if ok {
			p.wakeIfMore()
			return l
		}
		if !p.sleep(w) {
			return nil
		}
	}
	p.found(w)
	return nil
}

// found ends w's search, with whatever result.
func (p *pool) found(w *Worker) {
	if w.searching {
		w.searching = false
		p.searching.Store(false)
	}
}

// sleep returns when there may be something to do; false: there are enough sleepers, w is not needed.
func (p *pool) sleep(w *Worker) bool {
	for {
		n := p.sleepers.Load()
		if n >= p.keep {
			return false
		}
		if p.sleepers.CompareAndSwap(n, n+1) {
			break
		}
	}
	p.idle()
	if p.class == Compute && !p.queue.load.idled.Load() {
		p.queue.load.idled.Store(true)
	}
	if (p.ring.More() || p.state.Load() != poolRunning) && p.claim() {
		return true // no sleeper was claimed for us: stay up
	}
	w.claimed = <-p.wakeups
	w.searching = true
	return true
}
