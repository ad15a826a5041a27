package main

import "testing"

func TestFamilies(t *testing.T) {
	b := benchmark{name: "peers-memory"}
	for name, want := range map[string]bool{"peers-memory": true, "peers": true, "peer": false, "memory": false} {
		if b.goesBy(name) != want {
			t.Errorf("%s means %s: %v", name, b.name, !want)
		}
	}
}
