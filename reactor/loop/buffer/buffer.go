package buffer

import (
	"math/bits"
	"sync"
	"unsafe"
)

// Buffers come in powers of two between these; a larger one is made and dropped, never kept.
const (
	minBufferBits = 8  // 256 bytes: a typical tools/call
	maxBufferBits = 20 // 1 MiB
)

// bufferPools keep arrays by size class as bare pointers: a slice header in a sync.Pool would be an allocation per Put.
var bufferPools [maxBufferBits + 1]sync.Pool

// Get returns an empty slice with room for at least n bytes. Give it back with Put, once.
func Get(n int) []byte {
	class := minBufferBits
	if n > 1<<minBufferBits {
		class = bits.Len(uint(n - 1))
	}
	if class > maxBufferBits {
		return make([]byte, 0, n)
	}
	if p, _ := bufferPools[class].Get().(*byte); p != nil {
		return unsafe.Slice(p, 1<<class)[:0]
	}
	return make([]byte, 0, 1<<class)
}

// Put gives b back. Nobody may hold any part of it any more.
func Put(b []byte) {
	n := cap(b)
	if n < 1<<minBufferBits || n > 1<<maxBufferBits || n&(n-1) != 0 {
		return
	}
	bufferPools[bits.Len(uint(n))-1].Put(unsafe.SliceData(b[:n]))
}

// exactAbove is from where on Append takes no power of two, of which half might be empty.
const exactAbove = 64 << 10

// Append appends p to b, moving b to the next size class when it is full. A large one gets what it needs and an
// eighth: what waits for a peer is mostly one answer.
func Append(b, p []byte) []byte {
	switch need := len(b) + len(p); {
	case need <= cap(b):
	case need > exactAbove && cap(b) == 0:
		return append([]byte(nil), p...)
	case need > exactAbove:
		grown := append(make([]byte, 0, need+need/8), b...)
		Put(b)
		b = grown
	default:
		grown := Get(max(need, 2*cap(b)))
		grown = append(grown, b...)
		Put(b)
		b = grown
	}
	return append(b, p...)
}
