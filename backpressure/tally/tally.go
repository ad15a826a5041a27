package tally

// Tally is how many each key has. The zero value is ready; not for concurrent use.
type Tally[K comparable] struct {
	// Off has nothing counted, and everything taken. It is set first.
	Off bool
	of  map[K]int
}

// Take counts one more of k, unless it has most already.
func (t *Tally[K]) Take(k K, most int) bool {
	switch {
	case t.Off:
		return true
	case t.of[k] >= most:
		return false
	}
	if t.of == nil {
		t.of = map[K]int{}
	}
	t.of[k]++
	return true
}

// Give counts one less of k, and returns how many are left: below 0 it is the caller's mistake.
func (t *Tally[K]) Give(k K) (left int) {
	if t.Off {
		return 0
	}
	if left = t.of[k] - 1; left <= 0 {
		delete(t.of, k)
	} else {
		t.of[k] = left
	}
	return left
}

// Len is how many keys have something.
func (t *Tally[K]) Len() int { return len(t.of) }
