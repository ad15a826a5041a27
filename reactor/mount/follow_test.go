package mount

import (
	"strconv"
	"testing"
)

// TestNotedIsBounded: of more resources than may be noted it is only known that all are to be looked at.
func TestNotedIsBounded(t *testing.T) {
	s := new(Mounts)
	s.noted.some = make(chan struct{}, 1)
	for i := range maxFollowed {
		s.note(strconv.Itoa(i))
	}
	if len(s.noted.uris) != maxFollowed || s.noted.all {
		t.Fatalf("%d are noted, all: %t", len(s.noted.uris), s.noted.all)
	}
	s.note("one more", "two more")
	if len(s.noted.uris) != maxFollowed || !s.noted.all {
		t.Errorf("%d are noted, all: %t", len(s.noted.uris), s.noted.all)
	}
}
