package pacing

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func TestPlan(t *testing.T) {
	s := time.Second
	p := NewPlan(Segment{10 * s, 0, 50}, Segment{0, 9, 9}, Segment{2 * s, 0, 0}, Segment{4 * s, 100, 100},
		Segment{2 * s, 100, 0})
	f := func(at time.Duration, calls float64) {
		t.Helper()
		if got := p.Calls(at); math.Abs(got-calls) > 1e-6 {
			t.Errorf("Calls(%v) = %v, want %v", at, got, calls)
		}
	}
	f(-s, 0)
	f(0, 0)
	f(5*s, 62.5)
	f(10*s, 250)
	f(11*s, 250)
	f(12*s, 250)
	f(14*s, 450)
	f(16*s, 650)
	f(17*s, 725)
	f(18*s, 750)
	f(time.Hour, 750)
	g := func(calls float64, at time.Duration) {
		t.Helper()
		got := p.When(calls)
		if diff := got - at; diff < -2 || diff > 2 {
			t.Errorf("When(%v) = %v, want %v", calls, got, at)
		}
	}
	g(0, 0)
	g(62.5, 5*s)
	g(250, 12*s)
	g(251, 12*s+10*time.Millisecond)
	g(450, 14*s)
	g(725, 17*s)
	g(749.9999, 18*s-2*time.Millisecond)
	if p.When(750) != Never || NewPlan().When(0) != Never || p.Length() != 18*s || NewPlan().Length() != 0 {
		t.Error("a plan has no end")
	}
}

// Whatever the plan, When undoes Calls, and never goes back in time.
func TestPlanInverts(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 0))
	for range 2000 {
		var stretches []Segment
		for range 1 + r.IntN(5) {
			stretches = append(stretches, Segment{time.Duration(r.Int64N(int64(time.Minute))), r.Float64() * 1000,
				r.Float64() * 1000})
		}
		p := NewPlan(stretches...)
		last := time.Duration(0)
		for x := 0.0; x < p.Calls(p.Length()); x += 1 + r.Float64()*1000 {
			at := p.When(x)
			if at < last || math.Abs(p.Calls(at)-x) > 1e-3 {
				t.Fatalf("seed %d: %v: When(%v) = %v after %v, and Calls of that is %v", seed, stretches, x, at, last, p.Calls(at))
			}
			last = at
		}
	}
}
