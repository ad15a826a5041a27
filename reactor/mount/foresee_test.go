package mount

import (
	"fmt"
	"strings"
	"testing"
)

func TestForesee(t *testing.T) {
	f := func(allow, deny, want string) {
		t.Helper()
		o := Options{Prefix: "NAME_", Tools: Filter{Allow: strings.Fields(allow), Deny: strings.Fields(deny)}}
		if got := fmt.Sprint(o.Foresee("m")); got != want {
			t.Errorf("allow %q, deny %q: %s, want %s", allow, deny, got, want)
		}
	}
	f("", "", "{map[] [] []}")
	f("", "a*", "{map[] [] []}")
	f("a b*", "", "{map[0:m_a] [] []}")
	f("a b", "b", "{map[0:m_a] [1] []}")
	f("a*b a*c", "a*b x", "{map[] [0] []}") // what a*c leaves, x may be
	f("delete_a*", "delete_*", "{map[] [0] []}")
	f("delete_*", "delete_a*", "{map[] [] []}")
	f("a b", "a c d*", "{map[1:m_b] [0] [1 2]}")
	f("a", "*", "{map[] [0] []}")
}
