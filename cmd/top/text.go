package top

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"

	"weir/cmd/live"
)

// How values are written. What is not known is a dash.

const dash = "-"

// whole is a number with commas.
func whole[N int | int64 | uint64](n N) string {
	digits := strconv.FormatInt(int64(n), 10)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

func rate(n live.Number) string {
	switch {
	case !n.Known():
		return dash
	case n > 0 && n < 10:
		return strconv.FormatFloat(float64(n), 'f', 1, 64)
	}
	return whole(int64(math.Round(float64(n))))
}

// three are three digits.
func three(v float64) string {
	digits := 2
	for limit := v; limit >= 9.995 && digits > 0; limit /= 10 {
		digits--
	}
	return strconv.FormatFloat(v, 'f', digits, 64)
}

func seconds(n live.Number) string {
	v := float64(n)
	switch {
	case !n.Known():
		return dash
	case v == 0:
		return "0"
	case v < 1e-3:
		return three(v*1e6) + " µs"
	case v < 1:
		return three(v*1e3) + " ms"
	}
	return three(v) + " s"
}

func part(n live.Number) string {
	switch {
	case !n.Known():
		return dash
	case n > 0 && n < 0.1:
		return strconv.FormatFloat(float64(n)*100, 'f', 1, 64) + " %"
	}
	return strconv.FormatFloat(float64(n)*100, 'f', 0, 64) + " %"
}

func size(n int64) string {
	for _, unit := range []struct {
		name  string
		shift int
	}{{"GiB", 30}, {"MiB", 20}, {"KiB", 10}} {
		if n >= 1<<unit.shift {
			return three(float64(n)/float64(int64(1)<<unit.shift)) + " " + unit.name
		}
	}
	return strconv.FormatInt(n, 10) + " B"
}

// long is a length of time, in two units at most.
func long(d time.Duration) string {
	s := int64(max(0, d) / time.Second)
	switch {
	case s >= 10*86400:
		return fmt.Sprintf("%d d", s/86400)
	case s >= 86400:
		return fmt.Sprintf("%d d %d h", s/86400, s%86400/3600)
	case s >= 3600:
		return fmt.Sprintf("%d h %d min", s/3600, s%3600/60)
	case s >= 600:
		return fmt.Sprintf("%d min", s/60)
	case s >= 60:
		return fmt.Sprintf("%d min %d s", s/60, s%60)
	}
	return fmt.Sprintf("%d s", s)
}

// plain has nothing in it that a terminal would obey: names come from tools and clients.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

// column brings text to a width, aligned to the right if that is negative. What is too long is cut.
func column(text string, width int) string {
	left := width > 0
	if width < 0 {
		width = -width
	}
	runes := []rune(text)
	if len(runes) > width {
		return string(runes[:max(0, width-1)]) + "~"
	}
	blank := strings.Repeat(" ", width-len(runes))
	if left {
		return text + blank
	}
	return blank + text
}

// spark draws the latest values of a curve, one per column, as high as the largest of them.
func spark(curve []live.Number, width int) string {
	curve = curve[max(0, len(curve)-width):]
	most := live.Number(0)
	for _, v := range curve {
		if v > most { // NaN is not
			most = v
		}
	}
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", max(0, width-len(curve))))
	for _, v := range curve {
		switch {
		case !v.Known():
			b.WriteByte(' ')
		case v <= 0 || most == 0:
			b.WriteRune('▁')
		default:
			b.WriteRune([]rune("▁▂▃▄▅▆▇█")[min(7, int(v/most*7.999))])
		}
	}
	return b.String()
}
