package record

import "testing"

func TestMedian(t *testing.T) {
	f := func(want float64, in ...float64) {
		t.Helper()
		if got := Median(in); got != want {
			t.Errorf("median(%v) = %v, want %v", in, got, want)
		}
	}
	f(0)
	f(5, 5)
	f(2, 3, 1, 2)
	f(2.5, 4, 1, 2, 3)
}

func TestSlope(t *testing.T) {
	if b, r2 := Slope([]float64{1, 2, 3}, []float64{12, 14, 16}); b != 2 || r2 < 0.9999 {
		t.Errorf("a straight line: %v, %v", b, r2)
	}
	if b, r2 := Slope([]float64{1, 2, 3, 4}, []float64{1, 3, 1, 3}); b < 0.39 || b > 0.41 || r2 > 0.3 {
		t.Errorf("hardly a line: %v, %v", b, r2)
	}
	if b, r2 := Slope([]float64{1, 2}, []float64{7, 7}); b != 0 || r2 != 0 {
		t.Errorf("a level: %v, %v", b, r2)
	}
}

func TestNumber(t *testing.T) {
	f := func(in float64, want string) {
		t.Helper()
		if got := Number(in); got != want {
			t.Errorf("number(%v) = %s, want %s", in, got, want)
		}
	}
	f(0, "0")
	f(0.0387123, "0.0387")
	f(15.349, "15.3")
	f(999.6, "1,000")
	f(1234567.8, "1,234,568")
	f(-1234, "-1,234")
	f(-123, "-123")
}
