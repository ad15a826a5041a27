package feature

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"weir/registry/shard"
)

// Set is everything of one kind that is offered: looked up by name on every message, listed in order of names, changed
// now and then. Safe for concurrent use.
type Set[E Entry] struct {
	entries  *shard.Table[E]
	sorted   atomic.Pointer[[]E]
	changing sync.Mutex // held while entries come or go

	rules Rules[E]
}

// Rules say how many entries a set holds, and who hears of its changes.
type Rules[E Entry] struct {
	// Partitions is into how many independently locked parts the table is cut, 1 or more.
	Partitions int
	// Limit is the option that bounds the number of entries, Most its value.
	Limit string
	Most  int
	// Changed is called after every change, without a lock, and after the change is visible.
	Changed func()
	// Bind and Unbind, if any, are called with an entry that comes and one that is gone, one call at a time, before
	// Changed. They must not change the set.
	Bind, Unbind func(e E)
}

// NewSet makes an empty set.
func NewSet[E Entry](rules Rules[E]) *Set[E] {
	s := &Set[E]{entries: shard.New[E](rules.Partitions), rules: rules}
	s.sorted.Store(new([]E))
	return s
}

// Get finds an entry by its name, which need not be kept.
func (s *Set[E]) Get(name []byte) (E, bool) { return s.entries.Get(name) }

// All is every entry in order of names. Nobody writes to it.
func (s *Set[E]) All() []E { return *s.sorted.Load() }

// Add adds an entry. The error is that there is no room, or that there is one of its name: two parts of a program that
// offer the same name are a mistake, and which of them is served would depend on their order.
func (s *Set[E]) Add(e E) error { return s.put(e, false) }

// Replace adds an entry in place of the one of its name, if there is one. The error is that there is no room.
func (s *Set[E]) Replace(e E) error { return s.put(e, true) }

func (s *Set[E]) put(e E, replace bool) error {
	if err := s.change(e, replace); err != nil {
		return err
	}
	s.rules.Changed()
	return nil
}

func (s *Set[E]) change(e E, replace bool) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	name := e.entry().Name
	if _, taken := s.entries.Get([]byte(name)); taken && !replace {
		return errors.New("the name is registered already; registry.Replace() takes its place")
	}
	if s.rules.Bind != nil {
		s.rules.Bind(e)
	}
	if !s.entries.Put(name, e, s.rules.Most) {
		if s.rules.Unbind != nil {
			s.rules.Unbind(e)
		}
		return fmt.Errorf("%s (%d) are registered", s.rules.Limit, s.rules.Most)
	}
	s.publishLocked(name, e)
	return nil
}

// Remove takes entries out and returns how many there were. Requests that run finish.
func (s *Set[E]) Remove(names []string) int {
	n := s.take(names)
	if n > 0 {
		s.rules.Changed()
	}
	return n
}

func (s *Set[E]) take(names []string) int {
	s.changing.Lock()
	defer s.changing.Unlock()
	n := 0
	for _, name := range names {
		if e, ok := s.entries.Remove([]byte(name)); ok {
			n++
			s.publishLocked(name)
			if s.rules.Unbind != nil {
				s.rules.Unbind(e)
			}
		}
	}
	return n
}

// publishLocked shows a new list, in which with stands in place of name. s.changing is held. Copying the list makes n
// changes cost n*n/2 pointers: 10,000 entries, added one by one, take about 50 ms.
func (s *Set[E]) publishLocked(name string, with ...E) {
	old := s.All()
	i, found := search(old, name)
	next := make([]E, 0, len(old)+1)
	next = append(append(next, old[:i]...), with...)
	if found {
		i++
	}
	next = append(next, old[i:]...)
	s.sorted.Store(&next)
}

// search finds where name is, or would be, in a sorted list.
func search[E Entry](sorted []E, name string) (int, bool) {
	return slices.BinarySearchFunc(sorted, name, func(e E, name string) int {
		return strings.Compare(e.entry().Name, name)
	})
}
