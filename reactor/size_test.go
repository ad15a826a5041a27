package reactor

import (
	"testing"
	"unsafe"
)

// TestSizes holds the table of docs/ARCHITECTURE.md, memory per connection: what Go allocates of each, from its size classes.
func TestSizes(t *testing.T) {
	f := func(name string, got, most uintptr) {
		if got > most {
			t.Errorf("%s is %d bytes, at most %d", name, got, most)
		}
	}
	f("conn", unsafe.Sizeof(conn{}), 320)
	f("lineTransport", unsafe.Sizeof(lineTransport{}), 96)
	f("httpTransport", unsafe.Sizeof(httpTransport{}), 64)
	f("wsTransport", unsafe.Sizeof(wsTransport{}), 112)
	f("sseTransport", unsafe.Sizeof(sseTransport{}), 112)
	f("call", unsafe.Sizeof(call{}), 512)
}
