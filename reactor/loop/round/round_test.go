package round

import (
	"testing"
	"time"
)

// walk is a round on a clock of its own.
type walk struct {
	Round
	now   int64
	turns int // parts so far
	seen  []int64
	gap   int64 // the longest between two looks at a place
	long  int   // the longest part
}

// turn does one part, which is late by so much and takes so long, and moves the clock to the next.
func (w *walk) turn(late, takes int64) {
	w.now += late
	w.turns++
	w.Begin(w.now, len(w.seen))
	looked := 0
	for place, more := w.Next(); more; place, more = w.Next() {
		looked++
		if w.seen[place] != 0 {
			w.gap = max(w.gap, w.now-w.seen[place])
		}
		w.seen[place] = w.now
	}
	w.long = max(w.long, looked)
	w.now += takes
	w.now += w.End(w.now)
}

// Each place is looked at once per interval, in parts that are bounded, and no more often.
func TestRound(t *testing.T) {
	f := func(places, partsPerInterval int) {
		t.Helper()
		w := &walk{now: 1, seen: make([]int64, places)}
		const rounds = 8
		for w.now <= rounds*Interval {
			w.turn(0, 0)
		}
		if w.turns != rounds*partsPerInterval {
			t.Errorf("%d places: %d parts in %d intervals, want %d in each", places, w.turns, rounds, partsPerInterval)
		}
		if w.long > most {
			t.Errorf("%d places: a part of %d, want %d at most", places, w.long, most)
		}
		if places > 0 && w.gap != Interval {
			t.Errorf("%d places: %v from one look to the next, want %v", places, time.Duration(w.gap),
				time.Duration(Interval))
		}
	}
	f(0, 1)
	f(1, 1)
	f(most, 1)
	f(most+1, 2)
	f(9_000, 9)
	f(18_000, 18)
	f(500_000, 489)
}

// A loop that comes late, or for which a part takes long, looks at more places in a row of parts, none of them longer,
// and is late by no more than it came late.
func TestRoundIsLate(t *testing.T) {
	f := func(places, partsInTime int, late time.Duration) {
		t.Helper()
		w := &walk{now: 1, seen: make([]int64, places)}
		for w.now < 8*Interval {
			if w.turns%partsInTime == 0 {
				w.turn(int64(late), int64(100*time.Microsecond))
			} else {
				w.turn(0, int64(100*time.Microsecond))
			}
		}
		if most := time.Duration(Interval) + late + late/2; w.long > 1024 || time.Duration(w.gap) > most {
			t.Errorf("%d places: parts of up to %d, %v from one look to the next, want %v at most", places, w.long,
				time.Duration(w.gap), most)
		}
	}
	f(1, 5, 3*time.Millisecond)
	f(9_000, 5, 3*time.Millisecond)
	f(9_000, 11, 80*time.Millisecond)
	f(500_000, 50, 3*time.Millisecond)
}

// Places that come meanwhile do not keep the others waiting.
func TestRoundGrows(t *testing.T) {
	w := &walk{now: 1}
	for w.now < 20*Interval {
		w.seen = append(w.seen, make([]int64, 100)...)
		w.turn(0, 0)
	}
	if w.gap > Interval {
		t.Errorf("%v from one look to the next while places come", time.Duration(w.gap))
	}
}

// A part that was broken off goes on where it was, before its time, and no further than its end.
func TestRoundGoesOn(t *testing.T) {
	var r Round
	const now = int64(time.Hour)
	const places = 2 * most
	r.Begin(now, places)
	for range 10 {
		r.Next()
	}
	r.Again()
	r.Begin(now+1, places)
	for want := 9; want < most; want++ {
		if place, more := r.Next(); place != want || !more {
			t.Fatalf("place %d, %t, want %d", place, more, want)
		}
	}
	if place, more := r.Next(); more {
		t.Fatalf("it goes on to %d, the next part's", place)
	}
	if pause := r.End(now + 1); pause != Interval/2-1 {
		t.Errorf("the next part is in %v, want the other half of the interval", time.Duration(pause))
	}
}
