package client

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"weir/loadtest/table"
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
		table.Add(&sum, &travelled)
	}
	want := NewCounters()
	table.Add(&want, &a)
	table.Add(&want, &b)
	if sum.Sent != 3 || sum.Reasons["x"] != 7 || sum.Ended != want.Ended || !sum.Latency.Equals(want.Latency) ||
		!sum.Late.Equals(want.Late) {
		t.Errorf("%+v", sum)
	}
	if err := new(Counters).UnmarshalJSON([]byte(`{"Histograms":["AAAA"]}`)); err == nil {
		t.Error("half of the histograms were taken")
	}
}

func TestDifference(t *testing.T) {
	before, now := NewCounters(), NewCounters()
	before.Sent, before.Open, before.Reasons["same"], before.Reasons["more"], before.Ended[EndRefused] = 5, 3, 1, 1, 2
	now.Sent, now.Open, now.Reasons["same"], now.Reasons["more"], now.Ended[EndRefused] = 9, 4, 1, 4, 2
	now.Ended[EndPeerReset] = 1
	d := table.Difference(&now, &before)
	if d.Sent != 4 || d.Open != 0 || len(d.Reasons) != 1 || d.Reasons["more"] != 3 || d.Ended[EndRefused] != 0 ||
		d.Ended[EndPeerReset] != 1 {
		t.Errorf("%+v", d)
	}
	if now.Open != 4 || now.Reasons["more"] != 4 {
		t.Errorf("a difference changed what it was taken of: %+v", now)
	}
}

// Every counter is a row of the table: without a unit and a sentence nobody would know what it counts.
func TestEveryCounterSaysWhatItCounts(t *testing.T) {
	var c Counters
	table.Walk(reflect.ValueOf(&c).Elem(), func(field reflect.StructField, value reflect.Value) {
		if _, isHistogram := value.Interface().(*hdrhistogram.Histogram); isHistogram {
			return
		}
		if field.Tag.Get("unit") == "" || field.Tag.Get("help") == "" {
			t.Errorf("%s has no unit or no help", field.Name)
		}
		if merge := field.Tag.Get("merge"); merge != "" && merge != "level" {
			t.Errorf("%s: merge is %q", field.Name, merge)
		}
	})
	rows := table.Rows(&c)
	if len(rows) < 10 || rows[0] != (table.Row{Name: "planned", Unit: "calls", Help: rows[0].Help}) {
		t.Errorf("%+v", rows)
	}
}
