package forward

import "sync"

// table finds what is open. Nothing is called under its lock.
type table[K comparable, V any] struct {
	mu   sync.Mutex
	open map[K]V
}

// put puts v in, unless there are most already, or one with that key.
func (t *table[K, V]) put(key K, v V, most int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, there := t.open[key]; there || len(t.open) >= most {
		return false
	}
	if t.open == nil {
		t.open = make(map[K]V)
	}
	t.open[key] = v
	return true
}

func (t *table[K, V]) find(key K) (v V, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	v, ok = t.open[key]
	return v, ok
}

// take takes it out; false: somebody else has.
func (t *table[K, V]) take(key K) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.open[key]; !ok {
		return false
	}
	delete(t.open, key)
	return true
}

func (t *table[K, V]) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.open)
}

// those are what is says so of.
func (t *table[K, V]) those(is func(V) bool) (found []V) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, v := range t.open {
		if is(v) {
			found = append(found, v)
		}
	}
	return found
}
