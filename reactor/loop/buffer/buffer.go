package buffer

import (
	"math/bits"
	"sync"
	"unsafe"
)

// Buffers come in sizes between these: powers of two up to wideAbove, then eight steps to a doubling, so that of a
// large one an eighth is empty at most. A larger one than the largest is made and dropped, never kept.
const (
	minBits, minBytes   = 8, 1 << minBits // a typical tools/call
	wideBits, wideAbove = 16, 1 << wideBits
	maxBits, maxBytes   = 20, 1 << maxBits
	stepBits            = 3
)

// pools keep arrays by size class as bare pointers: a slice header in a sync.Pool would be an allocation per Put.
var pools [wideBits + 1 + (maxBits-wideBits)<<stepBits]sync.Pool

// sizeClass is the smallest size that has room for n bytes, which are at most maxBytes, and its pool.
func sizeClass(n int) (size, class int) {
	n = max(n, minBytes)
	doubling := bits.Len(uint(n - 1))
	if n <= wideAbove {
		return 1 << doubling, doubling
	}
	step := 1 << (doubling - 1 - stepBits)
	size = (n + step - 1) / step * step
	return size, wideBits + (doubling-1-wideBits)<<stepBits + (size-1<<(doubling-1))/step
}

// Get returns an empty slice with room for at least n bytes. Give it back with Put, once.
func Get(n int) []byte {
	if n > maxBytes {
		return make([]byte, 0, n)
	}
	size, class := sizeClass(n)
	if p, _ := pools[class].Get().(*byte); p != nil {
		return unsafe.Slice(p, size)[:0]
	}
	return make([]byte, 0, size)
}

// Put gives b back. Nobody may hold any part of it any more.
func Put(b []byte) {
	n := cap(b)
	if n > maxBytes {
		return
	}
	if size, class := sizeClass(n); size == n {
		pools[class].Put(unsafe.SliceData(b[:n]))
	}
}

// Append appends p to b, moving b to a larger one when it is full. A small one doubles; a large one gets what it
// needs and an eighth: what waits for a peer is mostly one answer.
func Append(b, p []byte) []byte {
	if need := len(b) + len(p); need > cap(b) {
		room := max(need, 2*cap(b))
		if need > wideAbove {
			room = need + min(need/8, cap(b))
		}
		grown := append(Get(room), b...)
		Put(b)
		b = grown
	}
	return append(b, p...)
}
