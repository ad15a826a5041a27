package loop

import (
	"math/bits"
	"sync"
	"unsafe"
)

// Buffers come in sizes between these: powers of two up to wideAbove, then eight steps to a doubling, so that of a
// large one an eighth is empty at most. A larger one than the largest is made and dropped, never kept.
const (
	minBufferBits, minBufferBytes = 8, 1 << minBufferBits // a typical tools/call
	wideBits, wideAbove           = 16, 1 << wideBits
	maxBufferBits, maxBufferBytes = 20, 1 << maxBufferBits
	stepBits                      = 3
)

// bufferPools keep arrays by size class as bare pointers: a slice header in a sync.Pool would be an allocation per Put.
var bufferPools [wideBits + 1 + (maxBufferBits-wideBits)<<stepBits]sync.Pool

// sizeClass is the smallest size that has room for n bytes, which are at most maxBufferBytes, and its pool.
func sizeClass(n int) (size, class int) {
	n = max(n, minBufferBytes)
	doubling := bits.Len(uint(n - 1))
	if n <= wideAbove {
		return 1 << doubling, doubling
	}
	step := 1 << (doubling - 1 - stepBits)
	size = (n + step - 1) / step * step
	return size, wideBits + (doubling-1-wideBits)<<stepBits + (size-1<<(doubling-1))/step
}

// GetBuffer returns an empty slice with room for at least n bytes. Give it back with PutBuffer, once.
func GetBuffer(n int) []byte {
	if n > maxBufferBytes {
		return make([]byte, 0, n)
	}
	size, class := sizeClass(n)
	if p, _ := bufferPools[class].Get().(*byte); p != nil {
		return unsafe.Slice(p, size)[:0]
	}
	return make([]byte, 0, size)
}

// PutBuffer gives b back. Nobody may hold any part of it any more.
func PutBuffer(b []byte) {
	n := cap(b)
	if n > maxBufferBytes {
		return
	}
	if size, class := sizeClass(n); size == n {
		bufferPools[class].Put(unsafe.SliceData(b[:n]))
	}
}

// AppendBuffer appends p to b, moving b to a larger one when it is full. A small one doubles; a large one gets what it
// needs and an eighth: what waits for a peer is mostly one answer.
func AppendBuffer(b, p []byte) []byte {
	if need := len(b) + len(p); need > cap(b) {
		room := max(need, 2*cap(b))
		if need > wideAbove {
			room = need + min(need/8, cap(b))
		}
		grown := append(GetBuffer(room), b...)
		PutBuffer(b)
		b = grown
	}
	return append(b, p...)
}
