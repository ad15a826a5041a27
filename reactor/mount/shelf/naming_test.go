package shelf

import (
	"fmt"
	"strings"
	"testing"

	"weir/codec/option"
	"weir/registry/offer"
)

func TestForesee(t *testing.T) {
	f := func(allow, deny, want string) {
		t.Helper()
		n := Naming{Mount: "m", Prefix: "NAME_",
			Tools: &Tools{Filter: offer.Filter{Allow: strings.Fields(allow), Deny: strings.Fields(deny)}}}
		if got := fmt.Sprint(n.Foresee()); got != want {
			t.Errorf("allow %q, deny %q: %s, want %s", allow, deny, got, want)
		}
	}
	f("", "", "{map[] [] []}")
	f("", "a*", "{map[] [] []}")
	f("a b*", "", "{map[tools.allow[0]:m_a] [] []}")
	f("a b", "b", "{map[tools.allow[0]:m_a] [1] []}")
	f("a*b a*c", "a*b x", "{map[] [0] []}") // what a*c leaves, x may be
	f("delete_a*", "delete_*", "{map[] [0] []}")
	f("delete_*", "delete_a*", "{map[] [] []}")
	f("a b", "a c d*", "{map[tools.allow[1]:m_b] [0] [1 2]}")
	f("a", "*", "{map[] [0] []}")
}

// TestNames: what is said of names is judged whole before a server has listed any.
func TestNames(t *testing.T) {
	f := func(tools Tools, want ...string) {
		t.Helper()
		var found option.Mistakes
		tools.Check(&found)
		got := []string{}
		for _, m := range found {
			got = append(got, m.Key+": "+m.Text)
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	rename := func(pairs ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return m
	}
	f(Tools{Rename: rename("a", "b", "b", "a"), Describe: rename("a", "text")})
	f(Tools{Filter: offer.Filter{Allow: []string{"a", "b"}}, Rename: rename("a", "b", "b", "c")})
	f(Tools{Rename: rename("a", "x", "b", "x")},
		`tools.rename.b: "b" and "a" are both called "x": allowed is each name once`)
	f(Tools{Filter: offer.Filter{Allow: []string{"a", "b"}}, Rename: rename("a", "b")},
		`tools.rename.a: "a" is called "b", which tools.allow has too: allowed is each name once`)
	f(Tools{Filter: offer.Filter{Deny: []string{"a*"}}, Rename: rename("a", "b"), Describe: rename("ab", "text")},
		`tools.rename.a: "a" is not offered, as tools.allow and tools.deny say: allowed is a tool that is`,
		`tools.describe.ab: "ab" is not offered, as tools.allow and tools.deny say: allowed is a tool that is`)
	f(Tools{Rename: rename("a", "", "b", "x y", "c", strings.Repeat("c", 65)), Describe: rename("a", "")},
		`tools.rename.a: "" is not a name for a tool: allowed are 1 to 64 letters, digits and signs without blanks`,
		`tools.rename.b: "x y" is not a name for a tool: allowed are 1 to 64 letters, digits and signs without blanks`,
		`tools.rename.c: "`+strings.Repeat("c", 60)+`..." is not a name for a tool: allowed are 1 to 64 letters, digits and `+
			`signs without blanks`,
		`tools.describe.a: a description of 0 bytes: allowed are 1 to 8192`)
}

func TestOffered(t *testing.T) {
	f := func(prefix, want string) {
		t.Helper()
		n := Naming{Mount: "gh", Prefix: prefix}
		if got := n.prefixed("list"); got != want {
			t.Errorf("%q: %q, want %q", prefix, got, want)
		}
	}
	f("NAME_", "gh_list")
	f("", "list")
	f("x.", "x.list")
	f("NAME-NAME-", "gh-gh-list")
}
