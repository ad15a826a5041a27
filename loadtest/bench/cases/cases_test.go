package cases

import "testing"

func TestFamilies(t *testing.T) {
	b := Case{Name: "peers-memory"}
	for name, want := range map[string]bool{"peers-memory": true, "peers": true, "peer": false, "memory": false} {
		if b.GoesBy(name) != want {
			t.Errorf("%s means %s: %v", name, b.Name, !want)
		}
	}
}
