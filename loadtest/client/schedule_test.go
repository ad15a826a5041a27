package client

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestSchedule(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var a schedule
	in := map[*connection]bool{}
	for range 20_000 {
		switch {
		case len(in) < 50 || r.IntN(3) == 0:
			c := &connection{due: time.Duration(r.IntN(1000))}
			a.add(c)
			in[c] = true
		case r.IntN(2) == 0:
			c := a.first()
			c.due += time.Duration(r.IntN(100))
			a.down(0)
		default:
			c := a[r.IntN(len(a))]
			a.remove(c)
			a.remove(c) // a second time does nothing
			delete(in, c)
		}
		for c := range in {
			if c.due < a.first().due {
				t.Fatal("the first is not the soonest")
			}
		}
	}
	for i, c := range a {
		if c.place != i || !in[c] {
			t.Fatalf("entry %d has place %d", i, c.place)
		}
	}
	if len(a) != len(in) {
		t.Errorf("%d entries for %d clients", len(a), len(in))
	}
}
