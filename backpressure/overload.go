package backpressure

import "time"

// When more is asked than can be done, a queue that refuses only what is older than QueueTimeout settles at that age:
// the workers are never idle, and every answer is seconds old. So while all workers of class Compute have been busy for
// OverloadAfter, so that the queue is no burst any more but stands, a message may wait for OverloadQueueTimeout only.
// What is older is refused, which is cheap, and the workers come to what is young
// (docs/decisions/0021-overload-by-busy-workers.md).
//
// That a worker pauses does not end it: the refusals of thousands of late messages fill the outboxes, the lanes behind
// them stop, and the workers are idle beside a queue that is as old as ever. It is over when, for OverloadAfter, there
// was a worker to spare and nothing late.
//
// What one connection may have waiting, ten thousand cheap calls, is done in a fraction of OverloadAfter, so bursts are
// not met. Class Blocking is left out: its places are taken for as long as their tools like, which says nothing about
// how much there is to do.

// verdict is about the messages of class c in l at now.
func (q *Queue) verdict(l *Lane, c Class, now int64) verdict {
	if l.patient {
		return verdict{}
	}
	age, overload := int64(q.options.QueueTimeout), int64(q.options.OverloadQueueTimeout)
	if c != Compute {
		return verdict{age, QueueTimeout}
	}
	if !q.overloaded(now) {
		overload = 0
	}
	// What was let in because it would start in time, and has not, is late, as long as others are turned away.
	if key := int64(q.options.MaxExpectedWait); key > 0 && q.standing(now) {
		if late := key + int64(q.grace()); overload == 0 || late < overload {
			overload = late
		}
	}
	if overload > 0 && (age == 0 || overload < age) {
		return verdict{overload, Overload}
	}
	return verdict{age, QueueTimeout}
}

// foundLate has overload last: something was late in it at now.
func (q *Queue) foundLate(now int64) { q.pools[Compute].stand(now) }

// shuts says whether l takes no more messages of class c at now, because what it has waits too long already: to refuse
// the next at the door costs a fraction of refusing it when its turn comes. Needs l.mu.
func (q *Queue) shuts(l *Lane, c Class, now int64) bool {
	newest := l.tails[c]
	if c != Compute || newest == nil || l.patient || q.options.OverloadQueueTimeout == 0 {
		return false
	}
	if now-newest.next.since <= int64(q.options.OverloadQueueTimeout) || !q.overloaded(now) {
		return false
	}
	q.foundLate(now)
	return true
}

// overloaded says whether no worker of class Compute has been free for OverloadAfter, or the queue that this left
// stands still.
func (q *Queue) overloaded(now int64) bool {
	if q.options.OverloadQueueTimeout == 0 {
		return false
	}
	p, after := q.pools[Compute], int64(q.options.OverloadAfter)
	if p.busyFor(now) > after {
		p.stand(now)
		return true
	}
	stood := p.stoodAt.Load()
	return stood != 0 && now-stood <= after
}

// stand notes that the queue stands at now, to the millisecond: it is asked by every worker.
func (p *pool) stand(now int64) {
	if at := p.stoodAt.Load(); at == 0 || now-at > int64(time.Millisecond) {
		p.stoodAt.Store(now)
	}
}

// busyFor is for how long every goroutine that the pool may have has been at work, as far as anybody looked.
func (p *pool) busyFor(now int64) int64 {
	if p.sleepers.Load() > 0 || p.mayGrow() {
		p.idle()
		return 0
	}
	since := p.busySince.Load()
	if since == 0 {
		p.busySince.CompareAndSwap(0, now)
		if p.sleepers.Load() > 0 { // it fell asleep meanwhile, and may have looked before there was something to undo
			p.idle()
		}
		return 0
	}
	return now - since
}

// idle notes that a goroutine of the pool has nothing to do.
func (p *pool) idle() {
	if p.busySince.Load() != 0 {
		p.busySince.Store(0)
	}
}
