// Package number numbers what comes and goes, such as goroutines, so that what is there has low numbers.
//
// Its one rule: what is there has numbers of its own, and never more are in use than were there at once. It never knows
// what they are for.
package number

import "sync"

// Numbers are those from First on. The zero value begins at 0; safe for concurrent use.
type Numbers struct {
	First int // set before the first Take

	mu   sync.Mutex
	used int // ever
	free []int
}

// Take returns a number that nobody has: the one that was given back last, if there is any.
func (n *Numbers) Take() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if last := len(n.free) - 1; last >= 0 {
		number := n.free[last]
		n.free = n.free[:last]
		return number
	}
	n.used++
	return n.First + n.used - 1
}

// Give gives one back.
func (n *Numbers) Give(number int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.free = append(n.free, number)
}
