package exposition

import (
	"fmt"
	"slices"
	"testing"
)

func TestSamples(t *testing.T) {
	const page = "# HELP a b\n" + `a 1
a_bucket{le="+Inf",tool="x\"y,tool=\"z"} 2
b{tool="no"} 3
a_total{xtool="1",tool="two words } "} 1.5e3
a_bad nothing
`
	got := []string{}
	for s := range Samples([]byte(page), "a") {
		got = append(got, fmt.Sprintf("%s|%s|%s|%v", s.Name, s.Label("tool"), s.Label("le"), s.Value))
	}
	want := []string{"a|||1", `a_bucket|x"y,tool="z|+Inf|2`, "a_total|two words } ||1500"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
