package process

import "testing"

func TestWorst(t *testing.T) {
	f := func(counts, before []uint64, at int, any bool) {
		t.Helper()
		if gotAt, gotAny := worst(counts, before, 0.99); gotAt != at || gotAny != any {
			t.Errorf("%v after %v: %d, %v", counts, before, gotAt, gotAny)
		}
	}
	f([]uint64{5, 5}, nil, 0, false)
	f([]uint64{5, 5}, []uint64{5, 5}, 0, false)
	f([]uint64{104, 5, 1}, []uint64{5, 5, 0}, 0, true)
	f([]uint64{103, 5, 2}, []uint64{5, 5, 0}, 2, true)
}
