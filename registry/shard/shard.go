package shard

import (
	"hash/maphash"
	"math/bits"
	"sync"
	"sync/atomic"
)

// Table is cut into partitions, each under its own lock, so that cores do not queue for one. The number of partitions
// need not be a power of two: a 64-bit hash times n, shifted down by 64, is even over any n (Lemire's reduction) and
// cheaper than a remainder. Safe for concurrent use.
type Table[V any] struct {
	seed  maphash.Seed // keys are chosen by peers, collisions must not be
	parts []partition[V]
	count atomic.Int64
}

// partition fills two cache lines, the unit that neighbouring cores fetch, so that locks do not share one.
type partition[V any] struct {
	mu sync.RWMutex
	m  map[string]V
	_  [128 - 24 - 8]byte
}

// New makes a table of that many partitions, 1 or more, at 128 bytes each.
func New[V any](partitions int) *Table[V] {
	s := &Table[V]{seed: maphash.MakeSeed(), parts: make([]partition[V], partitions)}
	for i := range s.parts {
		s.parts[i].m = make(map[string]V)
	}
	return s
}

func (s *Table[V]) at(hash uint64) *partition[V] {
	i, _ := bits.Mul64(hash, uint64(len(s.parts)))
	return &s.parts[i]
}

// Get finds a key, whose bytes need not be kept.
func (s *Table[V]) Get(key []byte) (V, bool) {
	p := s.at(maphash.Bytes(s.seed, key))
	p.mu.RLock()
	v, ok := p.m[string(key)]
	p.mu.RUnlock()
	return v, ok
}

// Put adds or replaces; false when key is new and limit keys are held already.
func (s *Table[V]) Put(key string, v V, limit int) bool {
	p := s.at(maphash.String(s.seed, key))
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, replaces := p.m[key]; !replaces && s.count.Add(1) > int64(limit) {
		s.count.Add(-1)
		return false
	}
	p.m[key] = v
	return true
}

// Remove takes a key out; false when it was not there.
func (s *Table[V]) Remove(key []byte) (V, bool) {
	p := s.at(maphash.Bytes(s.seed, key))
	p.mu.Lock()
	defer p.mu.Unlock()
	v, ok := p.m[string(key)]
	if ok {
		delete(p.m, string(key))
		s.count.Add(-1)
	}
	return v, ok
}

// Sweep removes every entry for which drop says so, one partition at a time, under its lock: drop must be quick.
func (s *Table[V]) Sweep(drop func(V) bool) int {
	n := 0
	for i := range s.parts {
		p := &s.parts[i]
		p.mu.Lock()
		for key, v := range p.m {
			if drop(v) {
				delete(p.m, key)
				n++
			}
		}
		p.mu.Unlock()
	}
	s.count.Add(-int64(n))
	return n
}

// Len is how many keys are held.
func (s *Table[V]) Len() int { return int(s.count.Load()) }
