package concurrency

import "sync/atomic"

// trial measures calls while so few run that nothing waits. It takes them by lots, all of which it waits for: of those
// that end first, most are short.
type trial struct {
	round atomic.Uint32 // tells trials apart; 0: there is none
	begun atomic.Int64  // calls of this lot, and more that came when it was full
	ended atomic.Int64  // of this lot
	tally tally         // of all lots

	last    uint32 // round of the one before
	lot     atomic.Int64
	beganAt int64
	limit   float64 // what it was before
	low     float64 // what it is
	ran     float64 // how many calls ran before, if there was no limit; else 0
	well    bool    // base is to be known well
}

const (
	// A lot has as many calls as run at once, four times.
	lotLeast, lotMost = 16, 64

	// A trial that is to be good has so many calls, and knows their mean to precise, or has trialMost calls, or has
	// taken long. In one that has taken too long something is stuck.
	precise              = 0.15
	trialWell, trialMost = 64, 256
	trialLong            = 2 * second
	trialLonger          = 10 * second
	trialLongest         = 60 * second
)

func (t *trial) begin(now int64, limit, low, ran float64, well bool) {
	t.tally.take()
	t.beganAt, t.limit, t.low, t.ran, t.well = now, limit, low, ran, well
	t.lot.Store(min(max(int64(4*low), lotLeast), lotMost))
	t.more()
	t.last = max(t.last+1, 1)
	t.round.Store(t.last)
}

// more begins the next lot.
func (t *trial) more() {
	t.ended.Store(0)
	t.begun.Store(0)
}

func (t *trial) end() { t.round.Store(0) }

// take says of which trial a call is part that begins now; 0: of none.
func (t *trial) take() uint32 {
	round := t.round.Load()
	if round != 0 && t.begun.Add(1) > t.lot.Load() {
		return 0
	}
	return round
}

// add takes note of a call that has ended.
func (t *trial) add(p Place, took int64, told bool) {
	if p.trial == 0 || p.trial != t.round.Load() {
		return
	}
	if told {
		t.tally.add(p, took)
	}
	t.ended.Add(1)
}

// running says whether all calls of the lot have begun.
func (t *trial) running() bool { return t.begun.Load() >= t.lot.Load() }

// complete says whether they have ended.
func (t *trial) complete() bool { return t.ended.Load() >= t.lot.Load() && t.tally.calls() > 0 }
