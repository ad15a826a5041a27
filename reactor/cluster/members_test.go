package cluster

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// world is a state machine and a clock for it.
type world struct {
	t   *testing.T
	now time.Time
	*members
	news []Member // who is refused, as of the last want
}

func newWorld(t *testing.T) *world {
	now := time.Unix(1_000_000, 0)
	w := &world{t: t, now: now}
	w.members = newMembers("a", times{500 * time.Millisecond, 2 * time.Second, 5 * time.Second, time.Minute}, now)
	w.pass(500 * time.Millisecond)
	w.want("a unknown>alive")
	return w
}

// pass lets time go by, with a check each interval.
func (w *world) pass(d time.Duration) {
	for ; d > 0; d -= w.interval {
		w.now = w.now.Add(min(d, w.interval))
		w.check(w.now)
	}
}

func (w *world) beat(from string, incarnation int64, change ...func(*Beat)) {
	b := Beat{Version: 1, Oldest: 1, Incarnation: uint64(incarnation), Since: uint64(incarnation)}
	for _, f := range change {
		f(&b)
	}
	w.heard(from, b, w.now)
}

// want compares the changes since the last time.
func (w *world) want(want ...string) {
	w.t.Helper()
	var got []string
	changes, intruders := w.take()
	w.news = intruders
	for _, c := range changes {
		s := fmt.Sprintf("%s %s>%s", c.Node, c.From, c.To)
		if c.Why != "" {
			s += " " + c.Why
		}
		if c.Draining {
			s += " draining"
		}
		got = append(got, s)
	}
	if !slices.Equal(got, want) {
		w.t.Fatalf("changes %q, want %q", got, want)
	}
}

func joining(b *Beat)  { b.Joining = true }
func leaving(b *Beat)  { b.Leaving = true }
func draining(b *Beat) { b.Draining = true }
func refused(b *Beat)  { b.Refused = DuplicateName }

func TestMemberIsSuspectedThenDead(t *testing.T) {
	w := newWorld(t)
	w.beat("b", 7)
	w.want("b unknown>alive")
	w.pass(1999 * time.Millisecond)
	w.want()
	w.pass(time.Millisecond)
	w.want("b alive>suspected")
	w.pass(2999 * time.Millisecond)
	w.want()
	w.pass(time.Millisecond)
	w.want("b suspected>dead")
	w.beat("b", 7) // it was frozen, and is back
	w.want("b dead>alive")
	w.pass(2 * time.Second)
	w.beat("b", 7)
	w.want("b alive>suspected", "b suspected>alive")
}

func TestMemberIsForgotten(t *testing.T) {
	w := newWorld(t)
	w.beat("b", 7)
	w.pass(59 * time.Second)
	if len(w.list()) != 1 {
		t.Fatal("forgotten too early")
	}
	w.pass(time.Second)
	if len(w.list()) != 0 {
		t.Fatal("not forgotten")
	}
}

func TestMemberThatIsStartedAgain(t *testing.T) {
	w := newWorld(t)
	w.beat("b", 7)
	w.beat("b", 8, joining) // it asks for its name, and nobody minds
	w.want("b unknown>alive")
	w.beat("b", 8)
	w.want("b alive>dead", "b dead>alive")
	w.beat("b", 8, leaving)
	w.want("b alive>left")
	w.beat("b", 9)
	w.want("b left>alive")
}

func TestMemberDrains(t *testing.T) {
	w := newWorld(t)
	w.beat("b", 7)
	w.beat("b", 7, draining)
	w.beat("b", 7, draining)
	w.want("b unknown>alive", "b alive>alive draining")
	w.beat("b", 7)
	w.want("b alive>alive")
}

func TestMemberOfAnotherVersion(t *testing.T) {
	w := newWorld(t)
	w.beat("b", 7, func(b *Beat) { b.Version, b.Oldest = 9, 8 })
	w.want("b unknown>refused protocol_version")
	w.beat("b", 8, func(b *Beat) { b.Version, b.Oldest = 9, 1 }) // it understands this build
	w.want("b refused>alive")
}

func TestStandstillIsHeldAgainstNobody(t *testing.T) {
	w := newWorld(t)
	w.beat("b", 7)
	w.want("b unknown>alive")
	w.now = w.now.Add(4 * time.Second) // nothing ran here
	w.check(w.now)
	w.want()
	if w.self.Joining {
		t.Error("asks for its name after a standstill that others did not take for its death")
	}
	w.now = w.now.Add(6 * time.Second)
	w.check(w.now)
	w.want()
	if !w.self.Joining {
		t.Error("does not ask whether its name is still its own")
	}
	w.pass(2 * time.Second)
	w.want("a unknown>alive", "b alive>suspected")
}

// Of two that have one name the later one gives way, whichever hears the other first.
func TestDuplicateName(t *testing.T) {
	older, younger := int64(5), time.Unix(2_000_000, 0).UnixNano()
	for name, row := range map[string]struct {
		incarnation int64
		change      func(*Beat)
		givesWay    bool
	}{
		"an older member":      {older, func(*Beat) {}, true},
		"a younger member":     {younger, func(*Beat) {}, false},
		"one that asks":        {younger, joining, false},
		"an older that asks":   {older, joining, false},
		"one that is refused":  {older, refused, false},
		"one that leaves":      {older, leaving, false},
		"one as old, of lower": {0, func(b *Beat) { b.Since = uint64(time.Unix(1_000_000, 0).UnixNano()) }, true},
	} {
		w := newWorld(t)
		w.reply = false
		w.beat("a", row.incarnation, row.change)
		if got := w.self.Refused != ""; got != row.givesWay {
			t.Errorf("%s: gives way %v", name, got)
		}
		if row.change == nil {
			continue
		}
		if name == "a younger member" && !w.reply {
			t.Errorf("%s is not answered, so it does not give way", name)
		}
	}
}

func TestDuplicateNameEnds(t *testing.T) {
	w := newWorld(t)
	w.beat("a", 5)
	w.want("a alive>refused duplicate_name")
	w.pass(4 * time.Second)
	w.beat("a", 5)
	w.pass(4999 * time.Millisecond)
	if w.self.Refused == "" {
		t.Fatal("takes the name though the other one was heard")
	}
	w.pass(time.Millisecond)
	if w.self.Refused != "" || !w.self.Joining {
		t.Fatal("does not ask for the name, though the other one is dead")
	}
	w.pass(250 * time.Millisecond)
	w.want("a unknown>alive")
}

// A node shows who is refused, and for as long as it is there.
func TestRefusedIsListed(t *testing.T) {
	w := newWorld(t)
	w.beat("b", 7)
	w.beat("b", 8, refused)
	w.want("b unknown>alive")
	if len(w.news) != 1 || w.news[0].Incarnation != 8 {
		t.Fatalf("to be told of: %+v", w.news)
	}
	all := w.list()
	if len(all) != 2 || all[1].State != Refused || all[1].Why != DuplicateName || all[1].Incarnation != 8 {
		t.Fatalf("listed %+v", all)
	}
	w.pass(4 * time.Second)
	w.beat("b", 7)
	w.pass(time.Second)
	if all = w.list(); len(all) != 1 {
		t.Fatalf("still listed: %+v", all)
	}
	w.beat("b", 7, refused) // the member itself gave way
	w.want("b alive>suspected", "b suspected>alive", "b alive>dead")
}

func TestTablesAreBounded(t *testing.T) {
	w := newWorld(t)
	for i := range 2 * maxMembers {
		w.beat(fmt.Sprint("n", i), 1)
		w.beat("b", int64(i), refused)
	}
	if len(w.table) != maxMembers || len(w.members.refused) != maxMembers {
		t.Fatal(len(w.table), len(w.members.refused))
	}
}

func TestBeats(t *testing.T) {
	b := Beat{Version: 3, Oldest: 2, Incarnation: 1 << 63, Build: "v1", Load: Load{Connections: 5, Draining: true}}
	got, err := decodeBeat(b.encode())
	if err != nil || got != b {
		t.Fatal(got, err)
	}
	for _, bad := range []string{"", "{}", `{"version":1}`, `{"version":"1","oldest":1}`, "\x00"} {
		if _, err := decodeBeat([]byte(bad)); err == nil {
			t.Errorf("%q passes", bad)
		}
	}
	if _, err := decodeBeat(append(b.encode(), make([]byte, maxBeatBytes)...)); err == nil {
		t.Error("a long one passes")
	}
}
