package client

import (
	"encoding/json"
	"testing"
	"time"
)

func TestCountersTravel(t *testing.T) {
	a, b := NewCounters(), NewCounters()
	for i := range 10_000 {
		Record(a.Latency, time.Duration(i)*time.Microsecond)
		Record(b.Latency, time.Duration(i)*time.Millisecond)
	}
	Record(a.Late, time.Hour) // counts as ten minutes
	a.Sent, b.Sent, a.Reasons["x"], b.Reasons["x"], a.Ended[EndRefused] = 1, 2, 3, 4, 5
	sum := NewCounters()
	for _, c := range []Counters{a, b} {
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var travelled Counters
		if err := json.Unmarshal(text, &travelled); err != nil {
			t.Fatal(err)
		}
		sum.Add(&travelled)
	}
	want := NewCounters()
	want.Add(&a)
	want.Add(&b)
	if sum.Sent != 3 || sum.Reasons["x"] != 7 || sum.Ended != want.Ended || !sum.Latency.Equals(want.Latency) || !sum.Late.Equals(want.Late) {
		t.Errorf("%+v", sum)
	}
	if err := new(Counters).UnmarshalJSON([]byte(`{"Histograms":["AAAA"]}`)); err == nil {
		t.Error("half of the histograms were taken")
	}
}
