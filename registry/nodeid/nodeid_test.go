package nodeid

import (
	"bytes"
	"strings"
	"testing"
)

var (
	secret  = bytes.Repeat([]byte("s"), 32)
	another = bytes.Repeat([]byte("t"), 32)
)

func maker(t testing.TB, node string, secrets ...[]byte) *Maker {
	t.Helper()
	m, err := New(node, secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestNames(t *testing.T) {
	f := func(name string, good bool) {
		t.Helper()
		if err := CheckName(name); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
	f("n1", true)
	f("eu-west-1", true)
	f("N_1", true)
	f(strings.Repeat("n", 64), true)
	f(strings.Repeat("n", 65), false)
	f("", false)
	f("n.1", false)
	f("n@", false)
	f("n\x7f", false)
	f("n 1", false)
}

func TestIDs(t *testing.T) {
	a, b := maker(t, "a", secret), maker(t, "b", secret)
	f := func(name string, m *Maker, k Kind, id string, want Whose, node string) {
		t.Helper()
		if whose, of := m.Read(k, []byte(id)); whose != want || string(of) != node {
			t.Errorf("%s: %q is %d of %q", name, id, whose, of)
		}
	}
	id := a.Make(Session)
	f("its own", a, Session, id, Mine, "a")
	f("of another node", b, Session, id, Theirs, "a")
	f("of another kind", a, Task, id, None, "")
	f("of another cluster", maker(t, "a", another), Session, id, None, "")
	f("empty", a, Session, "", None, "")
	f("random text", a, Session, (*Maker)(nil).Make(Session), None, "")
	f("of another's name", a, Session, "c"+id[1:], None, "")
	for i := range id {
		for _, c := range []byte{id[i] ^ 1, '.', 'a'} {
			if c != id[i] {
				f("changed", a, Session, id[:i]+string(c)+id[i+1:], None, "")
			}
		}
		f("cut", a, Session, id[:i], None, "")
		f("cut in front", a, Session, id[i+1:], None, "")
	}
	f("longer", a, Session, id+"a", None, "")
	f("of no node", nil, Session, "anything", Mine, "")
	if a.Make(Session) == id || len((*Maker)(nil).Make(Task)) != randomBytes {
		t.Error("ids are not what they should be")
	}
}

// TestSecretIsRotated: while nodes learn a new secret one after the other, each reads what the others make.
func TestSecretIsRotated(t *testing.T) {
	before, during, after := maker(t, "a", secret), maker(t, "a", another, secret), maker(t, "a", another)
	f := func(by, of *Maker, want Whose) {
		t.Helper()
		if whose, _ := by.Read(Task, []byte(of.Make(Task))); whose != want {
			t.Errorf("%d", whose)
		}
	}
	f(during, before, Mine)
	f(during, during, Mine)
	f(after, during, Mine)
	f(after, before, None)
	f(maker(t, "a"), maker(t, "a"), Mine)
	f(maker(t, "a"), after, None)
	if keys := maker(t, "a").StateKeys(); keys != nil {
		t.Error("everybody knows the keys", keys)
	}
	if got, want := during.StateKeys(), append(after.StateKeys(), before.StateKeys()...); strings.Join(got, " ") !=
		strings.Join(want, " ") || len(got[0]) != 64 || got[0] == got[1] {
		t.Error(got)
	}
}

func TestNewRefuses(t *testing.T) {
	f := func(node string, secrets ...[]byte) {
		t.Helper()
		if _, err := New(node, secrets...); err == nil {
			t.Errorf("%q with %d secrets was taken", node, len(secrets))
		}
	}
	f("a.b", secret)
	f("a", secret[:15])
	f("a", secret, another, secret)
}

func TestReadAllocatesNothing(t *testing.T) {
	m := maker(t, "b", secret)
	id := []byte(maker(t, "a", secret).Make(Session))
	if n := testing.AllocsPerRun(1000, func() { m.Read(Session, id) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkRead(b *testing.B) {
	m := maker(b, "node-2", secret)
	id := []byte(maker(b, "node-1", secret).Make(Session))
	b.ReportAllocs()
	for b.Loop() {
		if whose, _ := m.Read(Session, id); whose != Theirs {
			b.Fatal(whose)
		}
	}
}

// FuzzRead: nothing that was not made is read, and nothing that is read panics.
func FuzzRead(f *testing.F) {
	m := maker(f, "b", another, secret)
	f.Add([]byte(maker(f, "a", secret[:16]).Make(Session)))
	f.Add([]byte("a.b.c"))
	f.Add([]byte(strings.Repeat(".", 60)))
	f.Fuzz(func(t *testing.T, id []byte) {
		if whose, node := m.Read(Session, id); whose != None {
			t.Errorf("%q is %d of %q", id, whose, node)
		}
	})
}
