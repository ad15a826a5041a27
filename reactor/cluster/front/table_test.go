package front

import (
	"testing"

	"weir/registry/call"
)

// TestTableOfAnotherProcess: what is said to a process that had a front end's name before meets no call of this one's.
func TestTableOfAnotherProcess(t *testing.T) {
	var before, now table
	before.init()
	now.init()
	for range 3 {
		id := before.add(new(call.Forwarded), 0)
		now.add(new(call.Forwarded), 0)
		if now.find(id) != nil {
			t.Errorf("%x is a call of both", id)
		}
	}
	for i := range 3 { // and no id comes again
		id := now.id(place(i))
		if _, ok := now.take(id); !ok || now.find(id) != nil {
			t.Errorf("%x", id)
		}
	}
}
