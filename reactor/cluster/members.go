package cluster

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// times are the waits of the state machine.
type times struct {
	interval, suspect, dead, forget time.Duration
}

// maxMembers bounds each table. Names come from nodes that know the secret, so it bounds a mistake, not an attacker.
const maxMembers = 1024

// members is what one node knows of the others: a state machine that is told what was heard and what time it is. One
// goroutine owns it.
//
// A name is taken once. A node asks for its name first (joining) and is a member after joinTime, unless one of that
// name answered. Where two of a name meet later, when two halves of a network join again or a frozen process goes on,
// the one that has its name for a shorter time without a break gives way. Both judge by the same two numbers.
type members struct {
	times
	own       string
	table     map[string]*Member
	refused   map[refusedKey]*Member // those that are there and are no members, but for other versions
	checked   time.Time
	changes   []Change // since take
	intruders []Member // of refused, those that are new since take

	self  Beat      // what is said of this node
	asked time.Time // when it began to ask for its name
	rival time.Time // when the one that has its name was heard last
	reply bool      // the others should hear of this node at once
}

// refusedKey tells nodes apart that may have one name.
type refusedKey struct {
	name        string
	incarnation uint64
}

func newMembers(own string, t times, now time.Time) *members {
	m := &members{times: t, own: own, table: map[string]*Member{}, refused: map[refusedKey]*Member{}, checked: now}
	m.self = Beat{Version: Version, Oldest: oldestVersion, Incarnation: uint64(now.UnixNano())}
	m.ask(now)
	return m
}

// joinTime is how long a node asks for its name. Whoever has it answers at once.
func (m *members) joinTime() time.Duration { return m.interval / 2 }

// ask begins to ask for the own name, anew after a break.
func (m *members) ask(now time.Time) {
	m.self.Joining, m.self.Refused, m.self.Since, m.asked = true, "", uint64(now.UnixNano()), now
	m.reply = true
}

// take returns what has changed since it was called last.
func (m *members) take() ([]Change, []Member) {
	changes, intruders := m.changes, m.intruders
	m.changes, m.intruders = nil, nil
	return changes, intruders
}

// heard takes a heartbeat.
func (m *members) heard(from string, b Beat, now time.Time) {
	if from == m.own {
		m.heardOwnName(b, now)
		return
	}
	m.reply = m.reply || b.Joining && !m.self.Joining // two that join would answer each other without end
	known := m.table[from]
	switch {
	case b.Refused != "":
		m.hearRefused(from, b, b.Refused, now)
		if known != nil && known.Incarnation == b.Incarnation {
			m.set(known, Dead, "", now)
		}
	case b.Joining: // it is no member yet
	case known == nil && len(m.table) >= maxMembers:
	case known == nil:
		m.table[from] = &Member{Name: from}
		m.reply = true
		m.apply(m.table[from], b, now)
	default:
		if known.Incarnation != b.Incarnation {
			m.reply = true
			if known.isThere() {
				m.set(known, Dead, "", now)
			}
		}
		m.apply(known, b, now)
	}
}

// isThere tells whether a node is a member.
func (m *Member) isThere() bool { return m.State == Alive || m.State == Suspected }

// apply makes a heartbeat what is known of its node.
func (m *members) apply(known *Member, b Beat, now time.Time) {
	drains := b.Draining != known.Draining
	known.Beat, known.Heard = b, now
	switch {
	case !b.speaks():
		m.set(known, Refused, ProtocolVersion, now)
	case b.Leaving:
		m.set(known, Left, "", now)
	case known.State != Alive:
		m.set(known, Alive, "", now)
	case drains:
		m.changes = append(m.changes, Change{Node: known.Name, From: Alive, To: Alive, Draining: b.Draining})
	}
}

func (m *members) set(known *Member, to State, why string, now time.Time) {
	if known.State == to {
		return
	}
	m.changes = append(m.changes,
		Change{Node: known.Name, From: known.State, To: to, Why: why, Draining: known.Draining})
	known.State, known.Why, known.Since = to, why, now
}

// heardOwnName takes a heartbeat of a process that has this node's name.
func (m *members) heardOwnName(b Beat, now time.Time) {
	switch {
	case b.Incarnation == m.self.Incarnation: // what this node said itself
	case b.Refused != "" || b.Leaving:
		m.hearRefused(m.own, b, DuplicateName, now)
	case m.self.Refused != "":
		if !b.Joining {
			m.rival = now
		}
	case m.isYounger(&b):
		m.self.Refused, m.self.Joining, m.rival, m.reply = DuplicateName, false, now, true
		m.changes = append(m.changes, Change{Node: m.own, From: Alive, To: Refused, Why: DuplicateName})
	default:
		m.reply = true // so that the other one gives way
	}
}

// isYounger tells whether this node has its name for a shorter time than the one that says b. One that still asks has
// it for no time.
func (m *members) isYounger(b *Beat) bool {
	if m.self.Joining != b.Joining {
		return m.self.Joining
	}
	return cmp.Or(cmp.Compare(m.self.Since, b.Since), cmp.Compare(m.self.Incarnation, b.Incarnation)) > 0
}

// hearRefused takes note of a node that is there and is no member.
func (m *members) hearRefused(name string, b Beat, why string, now time.Time) {
	key := refusedKey{name, b.Incarnation}
	if b.Leaving {
		delete(m.refused, key)
		return
	}
	known := m.refused[key]
	if known == nil {
		if len(m.refused) >= maxMembers {
			return
		}
		known = &Member{Name: name, State: Refused, Why: why, Since: now, Beat: b}
		m.refused[key] = known
		m.intruders = append(m.intruders, *known)
	}
	known.Beat, known.Heard = b, now
}

// check judges who was not heard for too long. It is called each interval; where it was not, this process stood still,
// and the time in which it could hear nobody is held against nobody.
func (m *members) check(now time.Time) {
	if gap := now.Sub(m.checked); gap > 2*m.interval {
		m.excuse(gap - m.interval)
		if gap >= m.dead && m.self.Refused == "" { // for the others it was dead, and its name may be another's
			m.ask(now)
		}
	}
	m.checked = now
	for name, known := range m.table {
		silent := now.Sub(known.Heard)
		switch {
		case known.isThere() && silent >= m.dead:
			m.set(known, Dead, "", now)
		case known.State == Alive && silent >= m.suspect:
			m.set(known, Suspected, "", now)
		case silent >= m.forget && !known.isThere():
			delete(m.table, name)
		}
	}
	maps.DeleteFunc(m.refused, func(_ refusedKey, known *Member) bool { return now.Sub(known.Heard) >= m.dead })
	switch {
	case m.self.Refused != "" && now.Sub(m.rival) >= m.dead:
		m.ask(now)
	case m.self.Joining && now.Sub(m.asked) >= m.joinTime():
		m.self.Joining, m.reply = false, true
		m.changes = append(m.changes, Change{Node: m.own, From: Unknown, To: Alive})
	}
}

// excuse moves what was heard by a time in which nothing could be.
func (m *members) excuse(by time.Duration) {
	for _, known := range m.table {
		known.Heard = known.Heard.Add(by)
	}
	m.rival = m.rival.Add(by)
}

// list is what is known of all other nodes, by name, those that are refused behind the member of their name.
func (m *members) list() []Member {
	all := make([]Member, 0, len(m.table)+len(m.refused))
	for _, known := range m.table {
		all = append(all, *known)
	}
	for _, known := range m.refused {
		all = append(all, *known)
	}
	slices.SortFunc(all, func(a, b Member) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.State, b.State),
			cmp.Compare(a.Incarnation, b.Incarnation))
	})
	return all
}
