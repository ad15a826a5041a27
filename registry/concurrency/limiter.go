package concurrency

import (
	"math"
	"sync/atomic"
)

// Limiter is the bound of one tool. nil has none. Its size is fixed. Safe for concurrent use.
type Limiter struct {
	inFlight atomic.Int64
	limit    atomic.Int64
	refused  atomic.Uint64

	finder *finder // nil: the limit is fixed
}

// Options bound the limits that are found.
type Options struct {
	// Min is the least that is found, Max the most calls that may run at all.
	Min, Max int
}

// Fixed is a limiter for this many calls at once, 1 or more.
func Fixed(n int) *Limiter {
	l := new(Limiter)
	l.limit.Store(int64(n))
	return l
}

// Adaptive is a limiter whose bound is Max until more calls at once have brought no more answers.
func Adaptive(o Options) *Limiter {
	most := float64(max(o.Min, o.Max))
	l := &Limiter{finder: &finder{min: float64(o.Min), max: most, limit: most}}
	l.finder.longBits.Store(math.Float64bits(math.Inf(1))) // until it is known how long calls take
	l.limit.Store(int64(most))
	return l
}

// Place is what a call has while it runs.
type Place struct {
	began  int64
	others int64  // and it itself, when it began
	trial  uint32 // the trial that it is part of; 0: none
}

// Full says that a call that came now would be refused, and counts it if so: for callers that can save themselves the
// work of a call that has no place. The answer may be out of date, so false still needs a Begin.
func (l *Limiter) Full() bool {
	if l == nil || l.inFlight.Load() < l.limit.Load() {
		return false
	}
	l.refused.Add(1)
	return true
}

// Begin gives a call its place, at now in nanoseconds of a clock that does not go back; false: there is none, and the
// call is refused.
func (l *Limiter) Begin(now int64) (Place, bool) {
	n := l.inFlight.Add(1)
	if n > l.limit.Load() {
		l.inFlight.Add(-1)
		l.refused.Add(1)
		return Place{}, false
	}
	p := Place{began: now, others: n}
	if f := l.finder; f != nil {
		p.trial = f.trial.take()
	}
	return p, true
}

// Starts says when the call of a place starts that was taken before.
func (p *Place) Starts(now int64) { p.began = now }

// End gives a place back, once. told says that the call ended as it should: one that failed or was cancelled says how
// long it took only if that was long.
func (l *Limiter) End(p Place, now int64, told bool) {
	l.inFlight.Add(-1)
	f := l.finder
	if f == nil {
		return
	}
	took := max(now-p.began, 1)
	f.add(p, took, told)
	if now-f.began.Load() < shortest || !f.turning.CompareAndSwap(false, true) {
		return // or somebody else has it: nobody waits for a limit
	}
	l.limit.Store(f.turn(now, l.refused.Load()))
	f.turning.Store(false)
}

// Limit is how many calls may run at once now.
func (l *Limiter) Limit() int { return int(l.limit.Load()) }

// InFlight is how many do. It is one more for a moment while a call is refused.
func (l *Limiter) InFlight() int { return int(l.inFlight.Load()) }

// Refused is how many calls were refused since the start.
func (l *Limiter) Refused() uint64 { return l.refused.Load() }
