package reactor

import (
	"testing"
	"unsafe"
)

// Go allocates it from the class of 512 bytes.
func TestCallSize(t *testing.T) {
	if n := unsafe.Sizeof(call{}); n > 512 {
		t.Errorf("a call is %d bytes", n)
	}
}
