package budget

import "time"

// PerSecond is how many more of something there may be this second. One goroutine.
type PerSecond struct {
	second int64
	left   int
}

// Take takes one of most in the second of now, in nanoseconds; false if there is none left.
func (b *PerSecond) Take(now int64, most int) bool {
	if second := now/int64(time.Second) + 1; second != b.second { // never 0, the budget's own zero value
		b.second, b.left = second, most
	}
	b.left--
	return b.left >= 0
}

// Spent reports whether no other is left this second. A budget of nothing is never spent.
func (b *PerSecond) Spent(now int64, most int) bool {
	return most > 0 && b.second == now/int64(time.Second)+1 && b.left <= 0
}
