package tidy

import (
	"slices"
	"testing"
)

func TestOrder(t *testing.T) {
	f := func(uses map[arrow]int, files []string, backward ...string) {
		t.Helper()
		var p Package
		p.order(files, uses)
		if !slices.Equal(p.Backward, backward) {
			t.Errorf("%v: backward %q in the order %q, want %q", uses, p.Backward, p.Order, backward)
		}
	}
	abc := []string{"a", "b", "c"}
	f(map[arrow]int{}, abc)
	f(map[arrow]int{{"c", "b"}: 1, {"b", "a"}: 1, {"c", "a"}: 1}, abc)
	f(map[arrow]int{{"a", "b"}: 1, {"b", "c"}: 1, {"a", "c"}: 1, {"c", "a"}: 1}, abc, "c -> a")
}

func TestMeasure(t *testing.T) {
	packages, err := Measure(repository, "./cmd/tidy")
	if err != nil || len(packages) != 1 {
		t.Fatal(packages, err)
	}
	p := packages[0]
	if p.Path != "weir/cmd/tidy" || p.Lines < 100 || !slices.Contains(p.Exported, "Measure") || p.Methods["Package"] != 1 {
		t.Errorf("measured %+v", p)
	}
}
