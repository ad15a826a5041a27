package backpressure

import (
	"hash/maphash"
	"sync/atomic"
)

// Lanes take turns, and a turn is worth a time, not a number of messages (deficit round robin): a lane is passed over
// until its turns have saved half of what its oldest message costs, and owes the rest. All lanes of a principal
// together get the turns of one.

const (
	// crowds is how many numbers there are for principals. Two that share one get the turns of one.
	crowds = 4096

	// leastTurn is 250 us: enough for a batch of the cheapest calls to share a write. mostTurn is 2 ms: a call waits
	// for a turn of everybody before it, whatever they ask for.
	leastTurn, mostTurn = 250_000 / costUnit, 2_000_000 / costUnit

	// mostPassed is how many lanes a worker passes over before it takes what comes, which then owes: some microseconds
	// in all.
	mostPassed = 64
	// mostSaved is what a lane saves, or owes, at most, and a message is taken to cost: two minutes.
	mostSaved = 1 << 29
)

// littleTurns is how many turns' worth of work are little: enough for a worker until the connection is read again.
const littleTurns = 2

// AwaitLittle has the lane's Drained called, once, when little waits in l any more, and reports whether anything does.
// Concurrent.
func (q *Queue) AwaitLittle(l *Lane) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting == 0 || l.flags&closed != 0 {
		return false
	}
	l.flags |= awaited
	return true
}

// fair says whose lanes are in the ring of class Compute.
type fair struct {
	seed  maphash.Seed
	lanes [crowds]atomic.Int32 // by principal
	// rounds are when a lane of theirs was served last (Lane.round).
	rounds [crowds]atomic.Uint32
}

// Join makes l one of the lanes of a principal, which share the turns of one; "" is a lane by itself. Concurrent.
func (q *Queue) Join(l *Lane, principal string) {
	number := uint16(0)
	if principal != "" {
		number = 1 + uint16(maphash.String(q.fair.seed, principal)%(crowds-1))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.flags&runnableCompute != 0 {
		q.fair.move(l.crowd, -1)
		q.fair.move(number, 1)
	}
	l.crowd = number
}

func (f *fair) move(number uint16, n int32) {
	if number != 0 {
		f.lanes[number].Add(n)
	}
}

// isNew says whether l, once it is in the ring, takes turns with those that have had theirs and want more, and has not
// to wait for all of them: it has nothing there, nor has another lane of its principal, and all that were there when it
// was served last have had a turn since. It has one turn so, and stands in line with what it wants beyond: with all
// where its oldest message costs more than two turns. Where it takes longer than the grace until all in line have had a
// turn, nobody is new: so whoever was told how long it waits is passed by no more than the grace has room for. Needs
// l.mu.
func (q *Queue) isNew(l *Lane, oldest int64) bool {
	p, turn := &q.pools[Compute].ring, q.turnCost()
	if l.flags&runnableCompute != 0 || !p.RoomForNew() || oldest/2 > turn {
		return false
	}
	if int64(p.Length())*turn > q.doneIn(q.grace()) {
		return false
	}
	round := l.round
	if l.crowd != 0 {
		if q.fair.lanes[l.crowd].Load() > 0 {
			return false
		}
		round = q.fair.rounds[l.crowd].Load()
	}
	return p.GoneRound(round)
}

// served notes that l was served in this round. Needs l.mu.
func (q *Queue) served(l *Lane) {
	l.round = q.pools[Compute].ring.Round()
	if l.crowd != 0 {
		q.fair.rounds[l.crowd].Store(l.round)
	}
}

// crowd is among how many lanes l shares the turns of one. Needs l.mu.
func (q *Queue) crowd(l *Lane) int64 {
	if l.crowd == 0 {
		return 1
	}
	return max(1, int64(q.fair.lanes[l.crowd].Load()))
}

// turnCost is what a turn is worth: what one message costs of those that wait, within bounds. Where all cost alike each
// turn is a message or more, and nobody is passed over: who is waits for another turn of everybody.
func (q *Queue) turnCost() int64 {
	return min(max(q.load.waiting.Load()/max(1, q.waiting.used.Load()), leastTurn), mostTurn)
}

// turn is how many of the oldest messages of l a worker takes, most at most; 0: l waits for its next turn. Needs l.mu,
// and something in l.
func (q *Queue) turn(l *Lane, c Class, most int, now int64, v verdict, w *Worker) (n int) {
	if v.most > 0 {
		if late := l.aged(c, now-v.most, most); late > 0 {
			return late // they are refused, which costs next to nothing
		}
	}
	if c != Compute {
		return most
	}
	newest := l.tails[c]
	oldest := newest.next
	l.credit += int32(max(1, q.turnCost()/q.crowd(l)))
	if l.credit < costOf(oldest)/2 && w.passed < mostPassed && q.pools[c].ring.More() {
		w.passed++
		return 0
	}
	w.passed = 0
	for t := oldest; n < most && (n == 0 || l.credit >= costOf(t)); t = t.next {
		l.credit = max(l.credit-costOf(t), -mostSaved)
		if n++; t == newest {
			l.credit = 0 // who asks for nothing saves nothing, and owes nothing
			break
		}
	}
	return n
}

// costOf is what t takes of its lane's turns.
func costOf(t *Ticket) int32 { return int32(min(t.cost, mostSaved)) }
