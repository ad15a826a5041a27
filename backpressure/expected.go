package backpressure

import (
	"runtime"
	"time"
)

// A message of class Compute is refused at the door when it could not start within MaxExpectedWait. What waits is
// known in time: for each kind of work its cost and how many messages of it wait (Work). How much of it is done in a
// second is measured while no worker pauses. Lanes take turns, so what a lane's message waits for is not all that
// waits but its share: what its lane has ahead of it, and as much of every other lane
// (docs/decisions/0044-expected-wait.md).
//
// Waiting tools are left out: their time is not that of the cores. So are lanes whose peers do not read, which run
// nothing, and those that are patient.

const (
	rateWindow = 50 * time.Millisecond
	rateUnit   = 1000

	// recoveryPart is of how many windows without much work the rate forgets what it was, about.
	recoveryPart = 8

	// While the door was shut lately, it opens for what can start within standingPart of the time: a standing queue
	// wins nothing, and where estimates are a little off, what is let in still starts in time.
	standingPart, standingWhole = 5, 10

	// A lane that has nothing waiting, and would wait for less than this part of all that does, has no share in what
	// stands: that is what a few others ask for, and the door is open to this one as if they did not.
	othersPart = 4

	// lateGrace is how much later than MaxExpectedWait a message may start that was let in, or that part of it if it is
	// less. What fills the queue takes cores from the workers too, so some start a little later than was thought: to
	// answer them is better than to refuse them so late.
	lateGrace = 8 * time.Millisecond
	latePart  = 4
)

// NewWork returns a kind of work of which nothing is known: it costs nothing until the first message is done.
func (q *Queue) NewWork() *Work { return &Work{load: &q.load} }

// Knows says whether w is a kind of work of q.
func (q *Queue) Knows(w *Work) bool { return w != nil && w.load == &q.load }

// allowed is how much may be ahead of a message at now.
func (q *Queue) allowed(now int64) int64 {
	most := q.doable()
	if q.standing(now) {
		most = most * standingPart / standingWhole
	}
	return most
}

// doable is how much is done in MaxExpectedWait.
func (q *Queue) doable() int64 { return q.doneIn(q.options.MaxExpectedWait) }

// doneIn is how much is done in d.
func (q *Queue) doneIn(d time.Duration) int64 {
	return int64(d) / costUnit * q.load.rate.Load() / rateUnit
}

// grace is how much later than MaxExpectedWait a message may start.
func (q *Queue) grace() time.Duration {
	if key := q.options.MaxExpectedWait; key > 0 {
		return min(key/latePart, lateGrace)
	}
	return lateGrace
}

// standing says whether a message was refused for its expected wait within OverloadAfter.
func (q *Queue) standing(now int64) bool {
	at := q.load.shutAt.Load()
	return at != 0 && now-at <= int64(q.options.OverloadAfter)
}

// Busy says whether a message of class Compute may be refused for its expected wait at now: when it is worth asking
// which work it is. Concurrent.
func (q *Queue) Busy(now int64) bool {
	return q.options.MaxExpectedWait > 0 && (q.standing(now) || q.load.ahead() > q.allowed(now))
}

// tooLong says whether a message of w could not start in time, were it admitted to l at now. Needs l.mu.
func (q *Queue) tooLong(l *Lane, w *Work, c Class, now int64) bool {
	if c != Compute || l.patient || l.flags&paused != 0 || !q.Busy(now) {
		return false
	}
	wait, startsNow := q.waitFor(l, w)
	if startsNow {
		return false
	}
	allowed, ahead := q.allowed(now), q.load.ahead()
	if wait <= allowed || l.tails[c] == nil && wait*othersPart <= ahead && wait <= q.doable() {
		return false
	}
	if at := q.load.shutAt.Load(); ahead > allowed && (at == 0 || now-at > int64(time.Millisecond)) {
		q.load.shutAt.Store(max(1, now))
	}
	return true
}

// waitFor is how much is done before a message of w starts, were it admitted to l at now, whoever comes after it;
// startsNow: a worker has nothing to do but this one. Needs l.mu.
func (q *Queue) waitFor(l *Lane, w *Work) (wait int64, startsNow bool) {
	p := q.pools[Compute]
	// In this order: a worker that finds a lane between the two has emptied its place too, and is missed in neither.
	free := p.free()
	lanes := int64(p.ring.Length())
	if l.tails[Compute] == nil && free > lanes {
		return 0, true // whatever runs on the others
	}
	// In how many turns of its lane it would come, each of which is one of every lane. All that is ahead is not asked
	// here: who fills the queue alone now is not to be in the way of who comes next.
	own, turn := int64(l.work)+int64(w.cost()), q.turnCost()
	if l.tails[Compute] == nil && q.isNew(l, own) {
		lanes = 2*int64(p.ring.News()) + 1 // each of the new ones, and one of the others before each
	}
	turns := max(1, (own+turn/2)/turn) * q.crowd(l)
	return q.load.executing.Load() + max(1, lanes)*turns*turn, false
}

// crowdedFrom is how much work is worth to give a processor away for: to have it back costs a microsecond or two.
const crowdedFrom = 100_000 / costUnit

// Crowded says whether messages of class Compute wait or run that take 100 us or more together. Concurrent.
func (q *Queue) Crowded() bool { return q.load.ahead() >= crowdedFrom }

// expectedWait is how long a message is thought to wait that is admitted now, were there no turns.
func (q *Queue) expectedWait() time.Duration {
	return time.Duration(q.load.ahead() * costUnit * rateUnit / q.load.rate.Load())
}

// ran takes note of work that a worker has done until now. How much all do in a time counts only if none of them
// paused: it is more than that else. It is less than there are workers where cores are fewer, and where the loops and
// other processes take their part. Where workers paused and did not do half of it, it was not put to the test: it goes
// back to that of free cores, or what a time of starved cores has left would refuse bursts for ever.
func (q *Queue) ran(now, took int64) {
	l := &q.load
	done, since := l.done.Add(took), l.since.Load()
	length := now - since
	if length < int64(rateWindow) || !l.since.CompareAndSwap(since, now) {
		return
	}
	l.done.Add(-done)
	idled, rate := l.idled.Swap(false), l.rate.Load()
	measured := min(max(done*rateUnit/length, rateUnit/10), int64(q.options.Workers)*rateUnit)
	switch {
	case since == 0:
	case !idled:
		l.rate.Store((rate + measured) / 2)
	case measured < rate/2 || rate <= rateUnit/10:
		l.rate.Store(rate + (q.cores()-rate)/recoveryPart)
	}
}

// cores is how much can be done in a time when loops and other processes take nothing.
func (q *Queue) cores() int64 { return int64(min(q.options.Workers, runtime.GOMAXPROCS(0))) * rateUnit }
