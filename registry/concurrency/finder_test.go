package concurrency

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
	"unsafe"
)

var bounds = Options{Min: 3, Max: 4096}

// kinds are how long a call takes, with the mean in parts of the first argument.
var kinds = []struct {
	name  string
	takes func(time.Duration) func(*rand.Rand) time.Duration
	mean  float64
}{{"constant", constant, 1}, {"exponential", exponential, 1}, {"bimodal", bimodal, 5.9}}

// near says whether a limit is near the knee of k servers.
func near(limit, k int) bool { return limit >= k*8/10 && limit <= 2*k+4 }

// TestFindsTheKnee: a tool that had little to do is asked for three times what its upstream can.
func TestFindsTheKnee(t *testing.T) {
	for _, kind := range kinds[:2] {
		for _, k := range []int{2, 8, 32} {
			for _, each := range []time.Duration{10 * time.Millisecond, 20 * time.Millisecond} {
				t.Run(fmt.Sprint(kind.name, k, each), func(t *testing.T) {
					w := newWorld(&upstream{k, kind.takes(each)}, bounds, 1)
					w.watch()
					capacity := float64(k) / each.Seconds()
					w.open(capacity * 3 / 10)
					w.run(5 * time.Second)
					if w.refusals > 0 {
						t.Errorf("%d calls were refused at three tenths of what can be done", w.refusals)
					}
					w.open(capacity * 27 / 10)
					w.run(6 * time.Second)
					good := w.goodput(5*time.Second, each)
					if limit := w.median(5 * time.Second); !near(limit, k) || good < 0.9 {
						t.Errorf("limit %d for %d servers, %.2f of what they can do: %v", limit, k, good, w.limits)
					}
					if running := w.limiter.InFlight(); running > w.limiter.Limit() {
						t.Errorf("%d run, at most %d", running, w.limiter.Limit())
					}
				})
			}
		}
	}
}

// TestFindsTheKneeFromNothing: the load is there from the first call on.
func TestFindsTheKneeFromNothing(t *testing.T) {
	for _, k := range []int{4, 16} {
		w := newWorld(&upstream{k, constant(20 * time.Millisecond)}, bounds, 1)
		w.watch()
		w.closed(20 * k)
		w.run(20 * time.Second)
		if good, limit := w.goodput(5*time.Second, 20*time.Millisecond), w.median(5*time.Second); !near(limit, k) || good < 0.95 {
			t.Errorf("limit %d for %d servers, %.2f of what they can do: %v", limit, k, good, w.limits)
		}
	}
}

// TestFollows: the servers become half as many, then twice as many.
func TestFollows(t *testing.T) {
	for _, kind := range kinds[:2] {
		const each = 20 * time.Millisecond
		w := newWorld(&upstream{32, kind.takes(each)}, bounds, 2)
		w.watch()
		w.open(32 / each.Seconds() * 2)
		w.run(20 * time.Second)
		for _, k := range []int{16, 32, 64} {
			w.servers = k
			w.run(6 * time.Second)
			if good, limit := w.goodput(6*time.Second, each), w.median(6*time.Second); !near(limit, k) || good < 0.9 {
				t.Errorf("%s: limit %d for %d servers, %.2f of what they can do: %v", kind.name, limit, k, good, w.limits)
			}
		}
	}
}

// TestSlowerByItself: calls take twice as long whatever runs beside them, and then half as long. That is no reason for
// another limit.
func TestSlowerByItself(t *testing.T) {
	u := &upstream{servers: 16, takes: constant(20 * time.Millisecond)}
	w := newWorld(u, bounds, 3)
	w.watch()
	w.closed(100)
	w.run(20 * time.Second)
	for _, each := range []time.Duration{40 * time.Millisecond, 20 * time.Millisecond, 10 * time.Millisecond} {
		u.takes = constant(each)
		w.run(6 * time.Second)
		if good, limit := w.goodput(6*time.Second, each), w.median(6*time.Second); !near(limit, 16) || good < 0.9 {
			t.Errorf("%v: limit %d, %.2f of what can be done: %v", each, limit, good, w.limits)
		}
	}
}

// TestDoesNotCollapse: one call of ten takes fifty times as long as the others.
func TestDoesNotCollapse(t *testing.T) {
	for _, each := range []time.Duration{10 * time.Millisecond, 20 * time.Millisecond} {
		for _, k := range []int{4, 16} {
			for seed := range uint64(2) {
				w := newWorld(&upstream{k, bimodal(each)}, bounds, seed)
				w.watch()
				mean := each * 59 / 10
				w.open(3 * float64(k) / mean.Seconds())
				w.run(20 * time.Second)
				if good := w.goodput(40*time.Second, mean); good < 0.5 {
					t.Errorf("%v, %d servers, seed %d: %.2f of what can be done: %v", each, k, seed, good, w.limits)
				}
			}
		}
	}
}

// TestNeverSlowIsNeverLimited: as many run as are asked for, none waits for another.
func TestNeverSlowIsNeverLimited(t *testing.T) {
	for _, kind := range kinds {
		for _, each := range []time.Duration{50 * time.Millisecond, 500 * time.Millisecond} {
			w := newWorld(&upstream{1 << 20, kind.takes(each)}, bounds, 4)
			w.watch()
			for _, atOnce := range []float64{1, 10, 300, 40, 200} {
				stop := w.open(atOnce / each.Seconds() / kind.mean)
				w.run(8 * time.Second)
				stop()
				w.run(3 * time.Second)
			}
			// Where times differ fiftyfold, chance may ask for a measurement, and that refuses calls for a moment.
			if allowed := map[string]int{"bimodal": w.arrivals / 50}[kind.name]; w.refusals > allowed {
				t.Errorf("%s %v: %d of %d calls were refused: %v", kind.name, each, w.refusals, w.arrivals, w.limits)
			}
		}
	}
}

// TestIdleChangesNothing: a limit that was found is the same after hours with a call a second.
func TestIdleChangesNothing(t *testing.T) {
	const each = 20 * time.Millisecond
	w := newWorld(&upstream{16, constant(each)}, bounds, 5)
	w.watch()
	stop := w.open(16 / each.Seconds() * 2)
	w.run(20 * time.Second)
	stop()
	w.run(time.Second)
	before := w.limiter.Limit()
	w.run(3 * time.Hour)
	stop = w.open(1)
	w.run(3 * time.Hour)
	stop()
	if after := w.limiter.Limit(); after != before || !near(after, 16) {
		t.Errorf("limit %d, and %d after hours of little", before, after)
	}
	w.run(time.Minute)
	if n := w.limiter.InFlight(); n != 0 {
		t.Errorf("%d calls run that have ended", n)
	}
}

// TestFailuresSayNothing: calls that fail at once do not make it believe that calls are that short.
func TestFailuresSayNothing(t *testing.T) {
	l := Adaptive(bounds)
	now := int64(time.Hour)
	for range 10_000 {
		p, _ := l.Begin(now)
		now += int64(20 * time.Millisecond)
		l.End(p, now, true)
		for range 10 {
			p, ok := l.Begin(now)
			if !ok {
				t.Fatal("refused")
			}
			l.End(p, now+int64(10*time.Microsecond), false)
		}
	}
	f := l.finder
	if mean := time.Duration(f.known[0].mean()); mean < 19*time.Millisecond {
		t.Errorf("calls take %v", mean)
	}
}

// TestStuckCalls: a trial whose calls do not return ends, and bounds hold meanwhile.
func TestStuckCalls(t *testing.T) {
	w := newWorld(&upstream{16, constant(20 * time.Millisecond)}, bounds, 6)
	w.watch()
	stop := w.open(2 * 16 / 0.02)
	for w.limiter.finder.phase != measuring {
		w.run(10 * time.Millisecond)
	}
	w.servers = 1 << 20
	w.takes = func(r *rand.Rand) time.Duration {
		if r.IntN(100) == 0 {
			return 10 * time.Hour
		}
		return 20 * time.Millisecond
	}
	stop()
	w.open(300)
	w.run(4 * time.Minute)
	if n, most := w.limiter.InFlight(), bounds.Max; n > most {
		t.Errorf("%d run, at most %d", n, most)
	}
	if w.limiter.finder.phase == measuring && w.now-w.limiter.finder.trial.beganAt > 2*trialLongest {
		t.Error("it measures for ever")
	}
}

func TestFixed(t *testing.T) {
	l := Fixed(2)
	a, ok := l.Begin(1)
	b, ok2 := l.Begin(1)
	_, ok3 := l.Begin(1)
	if !ok || !ok2 || ok3 || !l.Full() || l.Refused() != 2 || l.InFlight() != 2 || l.Limit() != 2 {
		t.Errorf("%v %v %v, %d refused, %d of %d run", ok, ok2, ok3, l.Refused(), l.InFlight(), l.Limit())
	}
	l.End(a, 2, true)
	if l.Full() {
		t.Error("a place that was given back is taken")
	}
	l.End(b, 2, false)
	if l.InFlight() != 0 || l.Limit() != 2 {
		t.Errorf("%d of %d run", l.InFlight(), l.Limit())
	}
	if (*Limiter)(nil).Full() {
		t.Error("no limiter has no bound")
	}
}

// TestManyAtOnce: what is taken is given back whoever ends a window, and no bound is passed.
func TestManyAtOnce(t *testing.T) {
	for _, l := range []*Limiter{Fixed(3), Adaptive(Options{Min: 1, Max: 5})} {
		most := int64(l.Limit())
		var clients sync.WaitGroup
		for range 8 {
			clients.Go(func() {
				for i := range 20_000 {
					p, ok := l.Begin(int64(i) * int64(time.Millisecond))
					if !ok {
						continue
					}
					if p.others > most {
						t.Errorf("%d run, at most %d", p.others, most)
					}
					l.End(p, int64(i+1)*int64(time.Millisecond), i%7 != 0)
				}
			})
		}
		clients.Wait()
		if n := l.InFlight(); n != 0 {
			t.Errorf("%d calls run that have ended", n)
		}
	}
}

// TestSize: a tool with a limit keeps so much, however long it runs.
func TestSize(t *testing.T) {
	if fixed, found := unsafe.Sizeof(Limiter{}), unsafe.Sizeof(finder{}); fixed > 32 || found > 1536 {
		t.Errorf("a limit takes %d bytes, finding one %d more", fixed, found)
	}
}

func BenchmarkCall(b *testing.B) {
	for name, l := range map[string]*Limiter{"fixed": Fixed(1 << 20), "adaptive": Adaptive(Options{3, 1 << 20})} {
		b.Run(name, func(b *testing.B) {
			start := time.Now()
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					p, _ := l.Begin(int64(time.Since(start)))
					l.End(p, int64(time.Since(start)), true)
				}
			})
		})
	}
}

func BenchmarkFull(b *testing.B) {
	l := Fixed(1)
	l.Begin(1)
	for b.Loop() {
		l.Full()
	}
}
