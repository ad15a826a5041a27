package mean

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

const milli = time.Millisecond

func always(d time.Duration) func(*rand.Rand) time.Duration {
	return func(*rand.Rand) time.Duration { return d }
}

// mixed takes long for one call of ten.
func mixed(short, long time.Duration) func(*rand.Rand) time.Duration {
	return func(r *rand.Rand) time.Duration {
		if r.IntN(10) == 0 {
			return long
		}
		return short
	}
}

// What the mean of a cost does with what it is shown.
func TestMean(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 5))
	var m Mean
	// show has so many calls end that take what took says, and returns the least and the largest mean.
	show := func(n int, took func(*rand.Rand) time.Duration) (least, most time.Duration) {
		least = math.MaxInt64
		for range n {
			cost := took(random)
			d := time.Duration(m.Add(1, int64(cost)))
			least, most = min(least, d), max(most, d)
		}
		return least, most
	}
	f := func(what string, least, most, wantLeast, wantMost time.Duration) {
		t.Helper()
		if least < wantLeast || most > wantMost {
			t.Errorf("%s: the mean went from %v to %v, want %v to %v", what, least, most, wantLeast, wantMost)
		}
	}
	least, most := show(1, always(milli))
	f("the first call", least, most, milli, milli)
	least, most = show(1000, always(milli))
	f("always the same", least, most, milli, milli)
	show(2000, mixed(200*time.Microsecond, 10*milli))
	least, most = show(20_000, mixed(200*time.Microsecond, 10*milli))
	f("two minds", least, most, 700*time.Microsecond, 2100*time.Microsecond)
	show(2000, always(milli))
	_, most = show(16, always(100*milli))
	f("a hundred times as long, after 16 calls", most, most, 50*milli, 100*milli)
	show(100, always(100*milli))
	least, _ = show(150, always(milli))
	f("a hundredth again, after 150 calls", least, least, milli, 5*milli)
	show(2000, always(milli))
	_, most = show(1, always(time.Second))
	f("the machine stood still once", most, most, milli, 10*milli)
	least, _ = show(300, always(milli))
	f("300 calls after that", least, least, milli, 1500*time.Microsecond)
}

// What the first calls say is bounded too: a machine that stands still while each worker has one of them does not make
// the tool a slow one. But one that is slow is known as that after some ten calls, though the first one was quick.
func TestMeanAtTheBeginning(t *testing.T) {
	var m Mean
	show := func(n int, took time.Duration) (d time.Duration) {
		for range n {
			d = time.Duration(m.Add(1, int64(took)))
		}
		return d
	}
	show(4, milli)
	if d := show(4, time.Second); d > 30*milli {
		t.Errorf("four workers stood still for a second: a call is taken to cost %v", d)
	}
	if d := show(100, milli); d > 5*milli {
		t.Errorf("100 calls after that: %v", d)
	}
	m = Mean{}
	show(1, milli/100)
	if d := show(12, 10*milli); d < 5*milli {
		t.Errorf("after 12 calls of 10 ms: %v", d)
	}
}
