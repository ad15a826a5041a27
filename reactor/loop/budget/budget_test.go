package budget

import (
	"testing"
	"time"
)

// told keeps what it is told.
type told struct{ why uint8 }

func (h *told) GiveWay(why uint8) { h.why = why }

// R3: what holds the same for longer is heavier, and a bound that is full of small ones closes nobody.
func TestBudgetWeighs(t *testing.T) {
	const full = 7
	b := New(100_000, full)
	holder := func() (*Holding, *told) {
		owner := new(told)
		return &Holding{Owner: owner}, owner
	}
	old, oldOwner := holder()
	young, youngOwner := holder()
	if !b.Take(old, 40_000, false) || !b.Take(young, 50_000, false) {
		t.Fatal("there was room")
	}
	old.since -= int64(time.Hour)
	for range 5 {
		if small, _ := holder(); !b.Take(small, Floor, false) {
			t.Error("one below the floor had to give way")
		}
	}
	if more, _ := holder(); !b.Take(more, 6000, false) || !old.gaveUp || young.gaveUp {
		t.Errorf("old gave way: %v, young: %v", old.gaveUp, young.gaveUp)
	}
	b.Give(old, 40_000) // it is off the books already
	if total := b.Total(); total != 50_000+5*Floor+6000 {
		t.Errorf("%d on the books", total)
	}
	if oldOwner.why != full || youngOwner.why != 0 {
		t.Errorf("old gave way for %v, young for %v", oldOwner.why, youngOwner.why)
	}
}
