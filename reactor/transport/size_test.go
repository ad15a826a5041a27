package transport

import (
	"testing"
	"unsafe"

	"weir/reactor/pipeline"
)

// TestSizes holds the table of docs/MEMORY.md: what Go allocates of each, from its size
// classes.
func TestSizes(t *testing.T) {
	f := func(name string, got, most uintptr) {
		if got > most {
			t.Errorf("%s is %d bytes, at most %d: the next size class counts for each connection or call; who raises "+
				"this raises docs/MEMORY.md", name, got, most)
		}
	}
	f("pipeline.Conn", unsafe.Sizeof(pipeline.Conn{}), 320)
	f("lineTransport", unsafe.Sizeof(lineTransport{}), 96)
	f("httpTransport", unsafe.Sizeof(httpTransport{}), 64)
	f("wsTransport", unsafe.Sizeof(wsTransport{}), 112)
	f("sseTransport", unsafe.Sizeof(sseTransport[eventFramer]{}), 112)
	f("pipeline.Call", unsafe.Sizeof(pipeline.Call{}), 576)
}
