package loadtest

import "testing"

func TestHostileCounts(t *testing.T) {
	h := Hostile{NeverRead: 7, Garbage: 2, Reset: 1}
	if h.total() != 10 {
		t.Errorf("%d clients", h.total())
	}
	var sum Hostile
	for w := range 3 {
		part := h.share(w, 3)
		for _, k := range hostileKinds {
			*k.count(&sum) += *k.count(&part)
		}
	}
	if sum != h {
		t.Errorf("three shares of %+v are %+v", h, sum)
	}
	var a, b HostileCounts
	a.end("garbage", "HTTP 400", 2)
	b.end("garbage", "HTTP 400", 1)
	b.end("garbage", EndHungUp.String(), 5)
	b.end("garbage", stillOpen, 1)
	a.add(b)
	if n := a.endedByServer("garbage"); n != 3 || a.Ended["garbage"]["HTTP 400"] != 3 {
		t.Errorf("%d ended: %+v", n, a)
	}
}
