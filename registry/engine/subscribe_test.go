package engine_test

import (
	"testing"

	. "weir/registry/engine"
	"weir/registry/protocol"
)

// However often a resource or a list changes, it is told once; each later change is told again.
func TestChangesCoalesce(t *testing.T) {
	r := newFixture(t)
	w := &wire{}
	x := exchangeOf(t, `{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true,"resourceSubscriptions":["b","a","a"]},`+modernMeta+`}}`)
	x.Responder = w
	if class := r.Route(x); class != Listening {
		t.Fatal("class", class)
	}
	r.Dispatch(x, nil)
	s := x.Stream()
	count := func() (n int) {
		for message, _ := s.Next(nil); len(message) > 0; message, _ = s.Next(nil) {
			n++
		}
		return n
	}
	if n := count(); n != 0 {
		t.Errorf("%d messages before anything changed", n)
	}
	for range 10 {
		r.ListChanged(protocol.ListTools)
		r.ListChanged(protocol.ListPrompts)
		r.ResourceUpdated("a")
		r.ResourceUpdated("b")
		r.ResourceUpdated("c")
	}
	if n := count(); n != 3 {
		t.Errorf("%d messages, want 3", n)
	}
	r.ResourceUpdated("b")
	if n := count(); n != 1 {
		t.Errorf("%d messages, want 1", n)
	}
	x.Cancel()
	r.ResourceUpdated("b")
	if n := count(); n != 0 || !s.Over() {
		t.Errorf("%d messages after it was cancelled", n)
	}
}
