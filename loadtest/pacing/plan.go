package pacing

import (
	"math"
	"time"
)

// Segment is a part of a plan in which the rate of calls moves in a straight line.
type Segment struct {
	Length time.Duration `json:"length_ns"`
	From   float64       `json:"from"` // calls per second of one connection
	To     float64       `json:"to"`
}

// Plan is how often each connection of an open load calls: when a call leaves is decided before the run and by nothing
// that happens in it, so that a server that stalls cannot hide the calls it kept from being sent. It is pure: no
// clock, and no state that answers could move. Safe for concurrent use.
//
// Let R(t) be the calls that a connection which is there from the beginning has made by t. A connection that joins at
// t0 makes its call number k when R reaches R(t0) + offset + k; offsets between 0 and 1 keep connections from calling
// in step.
type Plan struct{ parts []part }

type part struct {
	start, length time.Duration
	from, to      float64
	before        float64 // R(start)
}

// Never is later than any call of a plan.
const Never = time.Duration(math.MaxInt64)

// NewPlan chains stretches; after the last nothing is called. Stretches without length are left out.
func NewPlan(stretches ...Segment) *Plan {
	p := &Plan{}
	var at time.Duration
	var before float64
	for _, s := range stretches {
		if s.Length <= 0 {
			continue
		}
		p.parts = append(p.parts, part{start: at, length: s.Length, from: s.From, to: s.To, before: before})
		at += s.Length
		before += (s.From + s.To) / 2 * s.Length.Seconds()
	}
	return p
}

// Length is when the plan ends.
func (p *Plan) Length() time.Duration {
	if len(p.parts) == 0 {
		return 0
	}
	last := p.parts[len(p.parts)-1]
	return last.start + last.length
}

// Calls is R(t).
func (p *Plan) Calls(t time.Duration) float64 {
	for i := len(p.parts) - 1; i >= 0; i-- {
		if s := &p.parts[i]; t > s.start {
			x := min(t-s.start, s.length).Seconds()
			return s.before + x*(s.from+(s.to-s.from)/s.length.Seconds()*x/2)
		}
	}
	return 0
}

// When is the moment from which on R is more than calls; Never when the plan ends before that.
func (p *Plan) When(calls float64) time.Duration {
	for i := range p.parts {
		s := &p.parts[i]
		seconds := s.length.Seconds()
		y := calls - s.before
		if y >= (s.from+s.to)/2*seconds || s.from == 0 && s.to == 0 {
			continue
		}
		if y <= 0 {
			return s.start
		}
		// from*x + slope*x*x/2 = y, in the form that does not divide by a slope of zero.
		slope := (s.to - s.from) / seconds
		x := 2 * y / (s.from + math.Sqrt(max(0, s.from*s.from+2*slope*y)))
		return s.start + min(s.length, time.Duration(x*float64(time.Second)))
	}
	return Never
}

// golden is the fraction that spreads any number of offsets evenly over 0 to 1, however many follow.
const golden = 0.6180339887498949

// Offset is where connection number n that joins a plan stands between two calls.
func Offset(n int) float64 {
	_, fraction := math.Modf(float64(n) * golden)
	return fraction
}
