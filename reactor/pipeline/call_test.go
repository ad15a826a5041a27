package pipeline

import (
	"bytes"
	"testing"
)

// A call owns a copy of its message, in the room it has or in a buffer, and is empty when it is taken again.
func TestCallOwnsItsMessage(t *testing.T) {
	var stock callStock
	f := func(size int, buffered bool) {
		t.Helper()
		message := bytes.Repeat([]byte{'x'}, size)
		k := stock.take()
		k.own(message)
		message[0] = 'y'
		if len(k.Raw) != size || k.Raw[0] != 'x' || k.ownsBuffer != buffered {
			t.Errorf("%d bytes: got %d, %q, a buffer: %v", size, len(k.Raw), k.Raw[0], k.ownsBuffer)
		}
		k.Done, k.Status, k.Takes = true, 404, SSEAhead
		k.Release()
		again := stock.take()
		if again.stock != &stock || again.Raw != nil || again.ownsBuffer || again.Done || again.Status != 0 || again.Takes != 0 {
			t.Errorf("taken again it is %+v", again)
		}
		again.Release()
	}
	f(1, false)
	f(roomBytes, false)
	f(roomBytes+1, true)
	f(1, false)
}

// A stock remembers no burst.
func TestStockIsBounded(t *testing.T) {
	var stock callStock
	var calls []*Call
	for range maxStock + 10 {
		calls = append(calls, stock.take())
	}
	for _, k := range calls {
		k.Release()
	}
	if n := stock.unused.Load(); n != maxStock {
		t.Errorf("%d calls are kept, want %d", n, maxStock)
	}
	for range maxStock {
		stock.take()
	}
	if n := stock.unused.Load(); n != 0 || stock.mine != nil || stock.returned.Load() != nil {
		t.Errorf("%d are counted when all are taken", n)
	}
}
