package report

import (
	"fmt"
	"strings"
)

// Percent writes a share of 1.
func Percent(v float64) string { return fmt.Sprintf("%.4g%%", v*100) }

// Milliseconds writes a time with as many digits as can be trusted.
func Milliseconds(v float64) string {
	switch {
	case v >= 1000:
		return fmt.Sprintf("%.2f s", v/1000)
	case v >= 100:
		return fmt.Sprintf("%.0f ms", v)
	case v >= 1:
		return fmt.Sprintf("%.1f ms", v)
	}
	return fmt.Sprintf("%.2f ms", v)
}

// Mebibytes writes a number of bytes.
func Mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

// thousands writes a count with separators, and small ones with a digit behind the point.
func thousands(v float64) string {
	if v != 0 && v < 10 && v != float64(int64(v)) {
		return fmt.Sprintf("%.2g", v)
	}
	digits := fmt.Sprintf("%.0f", v)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 && d != '-' {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}
