package record

import (
	"math"
	"slices"
	"strconv"
)

// Median returns the middle value, or the mean of the two in the middle; 0 for none.
func Median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(v))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

// Slope fits y = a + b*x by least squares and returns b with R², the share of y's variation that the line explains.
func Slope(x, y []float64) (b, r2 float64) {
	var mx, my float64
	for i := range x {
		mx += x[i] / float64(len(x))
		my += y[i] / float64(len(y))
	}
	var xx, xy, yy float64
	for i := range x {
		dx, dy := x[i]-mx, y[i]-my
		xx, xy, yy = xx+dx*dx, xy+dx*dy, yy+dy*dy
	}
	if xx == 0 || yy == 0 {
		return 0, 0
	}
	return xy / xx, xy * xy / (xx * yy)
}

// Geometric is the middle of two rates: as many times above the one as below the other.
func Geometric(a, b float64) float64 { return math.Sqrt(a * b) }

// Number writes a figure with three significant digits, or whole when it is large.
func Number(v float64) string {
	if a := math.Abs(v); a >= 100 || v == math.Trunc(v) {
		return Grouped(int64(math.Round(v)))
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// Grouped writes 1234567 as 1,234,567.
func Grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
