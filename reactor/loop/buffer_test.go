package loop

import "testing"

// Every size from the smallest to the largest finds a pool of its own size, which no other size shares, and at most
// half of it is empty, of a large one an eighth.
func TestSizeClasses(t *testing.T) {
	sizes := map[int]int{} // by class
	for n := 1; n <= maxBufferBytes; n++ {
		size, class := sizeClass(n)
		if was, ok := sizes[class]; ok && was != size || class >= len(bufferPools) {
			t.Fatalf("%d bytes: class %d is of %d and %d bytes", n, class, was, size)
		}
		sizes[class] = size
		most := max(minBufferBytes, 2*(n-1))
		if n > wideAbove {
			most = n + n/8
		}
		if size < n || size > most {
			t.Fatalf("%d bytes get %d, at most %d wanted", n, size, most)
		}
		if again, same := sizeClass(size); again != size || same != class {
			t.Fatalf("a buffer of %d bytes does not return to its pool", size)
		}
	}
}

// What is refused in a stream does not make a buffer for each turn of its connection.
func TestLargeBuffersAreKept(t *testing.T) {
	text := make([]byte, 100<<10)
	if n := testing.AllocsPerRun(100, func() { PutBuffer(AppendBuffer(nil, text)) }); n > 0.5 { // a pool drops one in four under the race detector
		t.Errorf("%v allocations for each", n)
	}
	grown := AppendBuffer(AppendBuffer(nil, text), text)
	if need := 2 * len(text); cap(grown) > need+need/4 {
		t.Errorf("%d bytes take %d", need, cap(grown))
	}
}
