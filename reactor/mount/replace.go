package mount

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Other mounts while the server runs. What did not change is not touched. A mount that changed is begun beside the
// one that was, which serves until the new one has made its offer, or cannot be begun: so nothing is missing in
// between. One that leaves offers nothing any more, and ends when what it was sent is answered; each of its calls has
// a deadline.

// idleFor is how long one that leaves has had nothing to do when it ends: calls that were let in before its tools went
// may still be on their way to it.
const idleFor = time.Second

// Replace has the mounts be these, which are checked and stay the package's. It waits for none. Before Start, and once
// the server stops, it does nothing.
func (s *Mounts) Replace(mounts map[string]*Options) {
	s.listing.Lock()
	defer s.listing.Unlock()
	if s.life == nil || s.closed {
		return
	}
	were := map[string]*Mount{}
	for _, m := range s.all {
		were[m.name] = m
	}
	var all, begun []*Mount
	var added, changed []string
	for _, name := range slices.Sorted(maps.Keys(mounts)) {
		was := were[name]
		delete(were, name)
		if was != nil && same(was.opt, mounts[name]) {
			all = append(all, was)
			continue
		}
		if was == nil {
			added = append(added, name)
		} else {
			changed = append(changed, name)
			s.forget(name)
		}
		m := s.newMount(name, mounts[name])
		if was != nil {
			s.follow(m, was)
		}
		all, begun = append(all, m), append(begun, m)
	}
	removed := slices.Sorted(maps.Keys(were))
	for _, name := range removed {
		s.forget(name)
		s.takeOver(were[name])
		s.retire(were[name])
		were[name].part.Close()
	}
	s.all = all
	for _, m := range begun {
		s.begin(m)
	}
	if len(added)+len(changed)+len(removed) > 0 {
		s.config.Log.Info().Strs("added", added).Strs("changed", changed).Strs("removed", removed).Msg("mounts replaced")
	}
}

// same says whether two say the same, wherever it stands.
func same(a, b *Options) bool {
	one, other := *a, *b
	one.At, other.At = "", ""
	return reflect.DeepEqual(one, other)
}

// forget takes the series of a mount out of the set: one of that name may have them anew.
func (s *Mounts) forget(name string) {
	label := fmt.Sprintf("{mount=%q", name)
	for _, series := range s.config.Metrics.ListMetricNames() {
		if strings.HasPrefix(series, "weir_mount_") && strings.Contains(series, label) {
			s.config.Metrics.UnregisterMetric(series)
		}
	}
}

// follow has m take over from one that was. If that one has offered nothing yet, it is from who serves in its place.
func (s *Mounts) follow(m, was *Mount) {
	s.mu.Lock()
	m.before, was.before = was.before, nil
	skipped := m.before != nil
	if !skipped {
		m.before = was
	}
	before := m.before
	s.mu.Unlock()
	m.part.Follow(before.part)
	if skipped {
		s.retire(was)
	}
}

// follows says whether another one serves in m's place still.
func (s *Mounts) follows(m *Mount) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return m.before != nil
}

// takeOver ends the service of the one before m, if there is one.
func (s *Mounts) takeOver(m *Mount) {
	s.mu.Lock()
	was := m.before
	m.before = nil
	s.mu.Unlock()
	if was != nil {
		m.part.Follow(nil)
		s.retire(was)
	}
}

// retire takes what a mount still offers out of the offer, and has it end when it has nothing to do.
func (s *Mounts) retire(m *Mount) {
	s.mu.Lock()
	s.leaving[m] = true
	s.mu.Unlock()
	m.part.Retire()
	s.running.Go(func() {
		m.idle(s.life)
		m.end()
		s.mu.Lock()
		delete(s.leaving, m)
		s.mu.Unlock()
	})
}

// idle waits until a mount has had nothing to do for a while.
func (m *Mount) idle(ctx context.Context) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for since := time.Now(); time.Since(since) < idleFor; {
		if s := m.Status(); s.InFlight+s.Waiting > 0 {
			since = time.Now()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
