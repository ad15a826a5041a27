package concurrency

import (
	"math"
	"sync/atomic"
)

// finder finds the limit of a tool, in windows. What is behind the tool does so many calls at once, k, in the time that
// a call takes; of more, some wait there. So it answers k/time however many are asked for, and k is what it answers in
// the time of a call that does not wait (Little's law).
//
// There is no limit while more calls at once bring more answers: calls are counted by how many ran when they began, and
// what is known of the levels is compared. If more bring no more, a measurement follows: for a moment fewer than k run,
// so that nothing waits. With a limit it is repeated now and then, and before the limit falls: a tool that has become
// slower by itself must not lose its places for it.
type finder struct {
	min, max float64

	began    atomic.Int64  // when the window did
	turning  atomic.Bool   // somebody has what is below and not atomic
	longBits atomic.Uint64 // from which time on a call that failed counts as one that took long

	window [levels]tally
	known  [levels]sums // of the windows before
	trial  trial

	phase  phase
	limit  float64
	base   float64 // how long a call takes that does not wait, in nanoseconds
	weight float64 // of how many calls that is known
	spread float64 // the deviation of their times, as a part of base
	baseAt int64   // since when

	// With a limit, of the windows in which it was reached: how many calls end in a nanosecond, and how long they take.
	rate, mean float64

	refused uint64 // calls refused up to the last window
	settled bool   // the limit was the same in all of this window

	quietTo int64 // until when a tool without a limit is not measured again
	quiet   int64 // for how long it is not after the next time
}

type phase uint8

const (
	free phase = iota
	held
	measuring
)

const (
	second = int64(1e9)

	// A window has calls enough for a mean, or has lasted long.
	shortest  = second / 10
	longest   = 10 * second
	manyCalls = 64
	fewCalls  = 16

	// memory is of how many calls a level is known, at least as many rounds of those that run at once: when the load
	// falls, the last to end are the long ones.
	memory, rounds = 512, 16
	// More answers are at least a tenth more from twice as many calls.
	gain = 1.1
	// Chance has sure times the standard deviation against it.
	sure = 4
	// Who asks for much at once passes the lower levels quickly, so of these there may be little. It is enough for a
	// measurement.
	leastKnown, leastBelow = 8, 6

	// The limit is above k, so that it is seen when k grows.
	headroom, headroomCalls = 1.25, 2
	// Up to noWait times base nothing waits. The limit stays where it is while it is not below deadBand of itself.
	noWait, deadBand, growth = 1.1, 0.8, 1.25

	// base is as good as new for freshFor, and measured again after measureEvery, or measureSoon if it fell just now:
	// then what was measured may have waited, too.
	freshFor, measureEvery, measureSoon = 2 * second, 10 * second, second
	// A tool that was measured and needs no limit has its peace, for twice as long each time.
	firstQuiet, longestQuiet = 10 * second, 600 * second
)

// add takes note of a call that took so long, or that says nothing because it failed soon.
func (f *finder) add(p Place, took int64, told bool) {
	told = told || float64(took) >= math.Float64frombits(f.longBits.Load())
	if told {
		f.window[levelOf(p.others)].add(p, took)
	}
	f.trial.add(p, took, told)
}

// turn ends the window if there is enough in it, and returns the limit.
func (f *finder) turn(now int64, refused uint64) int64 {
	length := now - f.began.Load()
	if f.phase == measuring {
		f.judge(now)
		return int64(f.limit)
	}
	if length < f.times(2) && length < longest {
		return int64(f.limit)
	}
	calls := uint64(0)
	for i := range f.window {
		calls += f.window[i].calls()
	}
	// Where times differ much, a mean needs more of them.
	enough := uint64(max(manyCalls, f.spread*f.spread/(precise*precise)))
	if calls < fewCalls || calls < enough && length < longest {
		return int64(f.limit)
	}
	all, top := f.fold(now)
	reached := refused != f.refused && f.settled
	f.refused, f.settled = refused, true
	switch {
	case f.phase == free:
		f.watch(now, top)
	case reached:
		f.adjust(now, all.calls/float64(length), all.mean())
	}
	return int64(f.limit)
}

// fold ends a window. top is the level at which most calls began.
func (f *finder) fold(now int64) (all sums, top int) {
	f.began.Store(now)
	most := 0.0
	for i := range f.window {
		h := f.window[i].take()
		all.add(h)
		if h.calls > most {
			most, top = h.calls, i
		}
		f.known[i].add(h)
		f.known[i].fade(max(memory, rounds*f.known[i].beside()))
	}
	if f.base == 0 && all.calls > 0 {
		f.longBits.Store(math.Float64bits(all.mean()))
	}
	return all, top
}

// watch looks whether a tool without a limit needs one.
func (f *finder) watch(now int64, top int) {
	most := f.known[top]
	if now < f.quietTo || most.calls < manyCalls/2 {
		return
	}
	var below sums
	crowded := false
	for i := range top {
		h := f.known[i]
		if h.calls == 0 || 2*h.beside() > most.beside() {
			continue
		}
		below.add(h)
		crowded = crowded || h.calls >= leastKnown && slows(h, most)
	}
	if below.calls < leastBelow || !crowded && !slows(below, most) {
		return
	}
	f.rate, f.weight = most.rate(), 0
	f.measure(now, below.mean(), most.beside(), true)
}

// slows says whether more calls at once bring no more answers than few, and it is no chance that they take longer: were
// they alike, these would hardly be so far apart.
func slows(few, many sums) bool {
	off := many.deviation() * math.Sqrt(1/few.calls+1/many.calls)
	return many.rate() < gain*few.rate() && many.mean()-few.mean() > sure*off
}

// adjust moves the limit after a window in which it was reached.
func (f *finder) adjust(now int64, rate, mean float64) {
	if f.rate == 0 {
		f.rate, f.mean = rate, mean
	}
	f.rate += (rate - f.rate) / 4
	f.mean += (mean - f.mean) / 4
	if f.mean < f.base {
		f.setBase(f.mean, f.weight/2, f.baseAt) // it has become faster
	}
	want := f.rate*f.base*headroom + headroomCalls
	switch most := f.limit*growth + 1; {
	case f.mean <= noWait*f.base:
		f.move(most)
	case want > f.limit:
		f.move(min(want, most))
	case want >= deadBand*f.limit:
		if now-f.baseAt > max(measureEvery, f.times(40)) {
			f.measure(now, f.base, 0, false)
		}
	case now-f.baseAt > max(freshFor, f.times(8)):
		f.measure(now, f.base, 0, true)
	default:
		f.move(want)
	}
}

// move sets the limit; at the most that may be it is none.
func (f *finder) move(to float64) {
	f.limit = min(max(to, f.min), f.max)
	f.rate, f.mean, f.settled = 0, 0, false
	f.phase = held
	if f.limit == f.max {
		f.phase = free
	}
}

// measure begins a trial, of a tool whose calls are thought to take so long when nothing waits. ran is how many ran
// before if there was no limit; well is whether base is to be known well.
func (f *finder) measure(now int64, base, ran float64, well bool) {
	f.phase = measuring
	before := f.limit
	f.limit = min(max(f.rate*base/2, f.min), f.limit)
	f.trial.begin(now, before, f.limit, ran, well || f.weight == 0)
}

// judge ends the trial when it is good enough, and sets the limit.
func (f *finder) judge(now int64) {
	t := &f.trial
	long := now-t.beganAt > max(trialLong, f.times(8))
	switch {
	case now-t.beganAt > trialLongest:
		t.end()
		f.setBase(f.base, f.weight, now)
		f.move(t.limit)
		return
	case !t.complete():
		if long && t.running() {
			f.limit = t.limit // its calls are running: nobody needs to be refused for them
		}
		return
	}
	found := t.tally.look()
	calls, mean := found.calls, found.mean()
	spread := max(found.deviation()/mean, f.spread*min(1, f.weight/calls)*deadBand)
	off := spread * mean / math.Sqrt(calls)
	same := f.weight > 0 && math.Abs(mean-f.base) < 2*max(off, f.base*spread/math.Sqrt(calls))
	enough := calls >= trialMost || now-t.beganAt > max(trialLonger, f.times(40)) ||
		off <= precise*mean && (long || calls >= trialWell)
	if !enough && (t.well || !same) {
		f.limit = t.low
		t.more()
		return
	}
	t.end()
	f.fold(now)
	since := now
	if same {
		mean = (mean*calls + f.base*f.weight) / (calls + f.weight)
		calls = min(calls+f.weight, trialMost)
	} else if f.weight == 0 || mean < deadBand*f.base {
		since -= max(measureEvery, f.times(40)) - measureSoon
	}
	f.spread = spread
	f.setBase(mean, calls, since)
	to := f.rate*f.base*headroom + headroomCalls
	if t.ran > 0 && to >= t.ran {
		f.quiet = min(max(2*f.quiet, firstQuiet), longestQuiet)
		f.quietTo = now + f.quiet
		to = f.max
	}
	f.move(to)
}

// times is so many times base.
func (f *finder) times(n float64) int64 { return int64(n * f.base) }

func (f *finder) setBase(base, weight float64, since int64) {
	f.base, f.weight, f.baseAt = base, weight, since
	f.longBits.Store(math.Float64bits(base))
}
