package hostile

import (
	"testing"

	"weir/loadtest/client"
)

func TestHostileCounts(t *testing.T) {
	h := Clients{NeverRead: 7, Garbage: 2, Reset: 1}
	if h.Total() != 10 {
		t.Errorf("%d clients", h.Total())
	}
	var sum Clients
	for w := range 3 {
		part := h.Share(w, 3)
		for _, k := range Kinds {
			*k.Count(&sum) += *k.Count(&part)
		}
	}
	if sum != h {
		t.Errorf("three shares of %+v are %+v", h, sum)
	}
	var a, b Counts
	a.countEnding("garbage", "HTTP 400", 2)
	b.countEnding("garbage", "HTTP 400", 1)
	b.countEnding("garbage", client.EndHungUp.String(), 5)
	b.countEnding("garbage", stillOpen, 1)
	a.Add(b)
	if n := a.EndedByServer("garbage"); n != 3 || a.Ended["garbage"]["HTTP 400"] != 3 {
		t.Errorf("%d ended: %+v", n, a)
	}
}
