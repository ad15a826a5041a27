package handler

import (
	"testing"
	"unsafe"
)

// What every call of a tool allocates has a size that somebody would notice growing.
func TestCallSize(t *testing.T) {
	if got := unsafe.Sizeof(toolCall{}); got > 224 {
		t.Errorf("a call is %d bytes, at most 224", got)
	}
}
