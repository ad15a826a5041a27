package offer

import (
	"strings"
	"testing"
)

func TestFilter(t *testing.T) {
	f := func(allow, deny, name string, want bool) {
		t.Helper()
		filter := Filter{Allow: strings.Fields(allow), Deny: strings.Fields(deny)}
		if got := filter.Allows(name); got != want {
			t.Errorf("allow %q, deny %q: %q is %t", allow, deny, name, got)
		}
	}
	f("", "", "a", true)
	f("a b", "", "b", true)
	f("a b", "", "c", false)
	f("a*", "", "a", true)
	f("a*c", "", "abc", true)
	f("a*c", "", "ac", true)
	f("a*c", "", "abd", false)
	f("aa*aa", "", "aaa", false)
	f("*b*", "", "abc", true)
	f("a*b*c", "", "axbxbxc", true)
	f("a*b*c", "", "axbxbx", false)
	f("", "delete_*", "delete_all", false)
	f("*", "delete_*", "list", true)
	f("a", "*", "a", false)
	f("", "", "", true)
}

// TestCheck: a principal is in one view, and each view is somebody's.
func TestCheck(t *testing.T) {
	f := func(views map[string]*Options, want ...string) {
		t.Helper()
		got := []string{}
		for _, m := range Check(views) {
			got = append(got, m.Key+": "+m.Text)
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	of := func(names ...string) *Options { return &Options{Principals: names} }
	f(map[string]*Options{"a": of("x", "uid:0"), "b": of("*")})
	f(map[string]*Options{"a": of("x", "*"), "b": of("y", "x", "*"), "c d": of("z"), "e": of()},
		`views.b.principals[1]: "x" is in view a already: allowed is each principal in one view`,
		`views.b.principals[2]: "*" is in view a already: allowed is each principal in one view`,
		`views.c d: "c d" is not a name for a view: allowed are 1 to 32 of A-Z, a-z, 0-9, _ and -, the first of them a `+
			`letter or digit`,
		`views.e.principals: nobody has the view: allowed are names of principals, or "*" for everybody whom no other `+
			`view names`)
}
