package feature

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry/protocol"
)

// thing is an entry as a caller of the package has them: a definition, and something of its own.
type thing struct {
	Prompt
	version int
}

func newThing(t *testing.T, name string, version int) *thing {
	t.Helper()
	p, err := DefinePrompt(&mcp.Prompt{Name: name, Title: "T"}, 1<<10)
	if err != nil {
		t.Fatal(err)
	}
	return &thing{Prompt: p, version: version}
}

// A set is in order of names whatever the order of additions, replaces what has the same name, refuses what is beyond
// its limit, and tells of each change once, with who comes and who is gone before it.
func TestSet(t *testing.T) {
	var said []string
	say := func(what string) func(*thing) {
		return func(e *thing) { said = append(said, fmt.Sprint(what, e.Name, e.version)) }
	}
	s := NewSet(Rules[*thing]{Partitions: 3, Limit: "max_things", Most: 3, Bind: say("+"), Unbind: say("-"),
		Changed: func() { said = append(said, "!") }})
	expect := func(want ...string) {
		t.Helper()
		if !slices.Equal(said, want) {
			t.Errorf("said %q, want %q", said, want)
		}
		said = nil
	}
	names := func() (all string) {
		for _, e := range s.All() {
			all += fmt.Sprint(e.Name, e.version)
		}
		return all
	}
	for i, name := range []string{"c", "a", "b"} {
		if err := s.Add(newThing(t, name, i)); err != nil {
			t.Fatal(err)
		}
	}
	expect("+c0", "!", "+a1", "!", "+b2", "!")
	before := s.All()
	if err := s.Add(newThing(t, "b", 6)); err == nil || !strings.Contains(err.Error(), "registered already") {
		t.Error("b twice:", err)
	}
	expect()
	if err := s.Replace(newThing(t, "b", 7)); err != nil || names() != "a1b7c0" {
		t.Error(names(), err)
	}
	expect("+b7", "!")
	if before[1].version != 2 {
		t.Error("a list that somebody reads was changed")
	}
	if err := s.Add(newThing(t, "d", 8)); err == nil || !strings.Contains(err.Error(), "max_things (3)") {
		t.Error("a fourth:", err)
	}
	expect("+d8", "-d8")
	if n := s.Remove([]string{"a", "x", "c"}); n != 2 || names() != "b7" {
		t.Error(n, names())
	}
	expect("-a1", "-c0", "!")
	if n := s.Remove([]string{"x"}); n != 0 {
		t.Error(n)
	}
	expect()
	if e, ok := s.Get([]byte("b")); !ok || e.version != 7 {
		t.Error(e, ok)
	}
	if _, ok := s.Get([]byte("a")); ok {
		t.Error("it was removed")
	}
}

// Pages bring every entry once, in order; each is as long as it may be, and one entry is sent however long.
func TestPages(t *testing.T) {
	s := NewSet(Rules[*thing]{Partitions: 1, Limit: "max_things", Most: 10, Changed: func() {}})
	for i := range 7 {
		if err := s.Add(newThing(t, fmt.Sprint("n", i), i)); err != nil {
			t.Fatal(err)
		}
	}
	f := func(maxEntries, maxBytes, wantPages int) {
		t.Helper()
		got, pages := "", 0
		for cursor := []byte(nil); ; pages++ {
			page, e := AppendPage([]byte("{"), Prompts, s.All(),
				Page{Cursor: cursor, MaxEntries: maxEntries, MaxBytes: maxBytes})
			if e != nil {
				t.Fatal(e)
			}
			for _, part := range strings.Split(string(page), `"name":"`)[1:] {
				got += part[:2]
			}
			_, next, more := strings.Cut(string(page), `"nextCursor":`)
			if !more {
				break
			}
			cursor = []byte(next)
		}
		if got != "n0n1n2n3n4n5n6" || pages+1 != wantPages {
			t.Errorf("%d entries, %d bytes: %s in %d pages", maxEntries, maxBytes, got, pages+1)
		}
	}
	f(10, 1<<10, 1)
	f(7, 1<<10, 1)
	f(3, 1<<10, 3)
	f(10, 60, 3) // three definitions of 13 bytes and a cursor
	f(10, 1, 7)
	page, e := AppendPage([]byte("{"), Tools, s.All(), Page{Cursor: []byte(`"no"`)})
	if e != protocol.ErrCursor || len(page) != 1 {
		t.Error(string(page), e)
	}
}
