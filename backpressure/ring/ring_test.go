package ring

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"
)

func expect[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestSizes(t *testing.T) {
	expect(t, "slot in bytes", unsafe.Sizeof(slot[*int]{}), 16)
}

func TestRingCapacity(t *testing.T) {
	f := func(asked, want int) {
		t.Helper()
		r := New[int](asked)
		expect(t, "capacity", r.Capacity(), want)
		for lap := range 3 { // a turn number that is wrong in a later lap would show
			for i := range want {
				expect(t, "push", r.Push(lap*want+i), true)
			}
			expect(t, "push when full", r.Push(-1), false)
			expect(t, "more", r.More(), true)
			for i := range want {
				v, ok := r.Pop()
				expect(t, "pop", ok, true)
				expect(t, "value", v, lap*want+i)
			}
			_, ok := r.Pop()
			expect(t, "pop when empty", ok, false)
			expect(t, "more when empty", r.More(), false)
		}
	}
	f(1, 2)
	f(2, 2)
	f(3, 4)
	f(8, 8)
	f(9, 16)
	f(100_000, 131_072)
}

// A consumer may be descheduled between taking a value and freeing its slot, for as long as others need to come round
// to it. Then the ring is not full, and a push must wait for the slot: workers take "full" for a broken invariant.
func TestRingWaitsForASlotThatIsBeingFreed(t *testing.T) {
	r := New[int](2)
	expect(t, "first", r.Push(1), true)
	expect(t, "second", r.Push(2), true)
	r.head.Add(1) // the first half of a pop
	pushed := make(chan bool)
	go func() { pushed <- r.Push(3) }()
	for range 100 {
		runtime.Gosched()
		select {
		case ok := <-pushed:
			t.Fatalf("push returned %t before the slot was free", ok)
		default:
		}
	}
	r.slots[0].turn.Store(2) // the second half
	expect(t, "third", <-pushed, true)
	expect(t, "full", r.Push(4), false)
}

func TestRingForgetsWhatItGaveAway(t *testing.T) {
	r := New[*int](2)
	r.Push(new(int))
	r.Pop()
	for i := range r.slots {
		if r.slots[i].value != nil {
			t.Errorf("slot %d still points at a lane", i)
		}
	}
}

// Many producers and consumers, a ring that is often full and often empty: each value arrives exactly
// once, and each consumer sees the values of each producer in their order.
func TestRingManyToMany(t *testing.T) {
	const producers, consumers, each = 8, 8, 20_000
	type value struct{ producer, number int }
	r := New[value](64)
	var left atomic.Int64
	left.Store(producers * each)
	seen := make([][]atomic.Int32, producers)
	for i := range seen {
		seen[i] = make([]atomic.Int32, each)
	}
	var wg sync.WaitGroup
	for producer := range producers {
		wg.Go(func() {
			for number := range each {
				for !r.Push(value{producer, number}) {
					runtime.Gosched()
				}
			}
		})
	}
	for range consumers {
		wg.Go(func() {
			var last [producers]int
			for i := range last {
				last[i] = -1
			}
			for left.Load() > 0 {
				v, ok := r.Pop()
				if !ok {
					runtime.Gosched()
					continue
				}
				left.Add(-1)
				seen[v.producer][v.number].Add(1)
				if v.number <= last[v.producer] {
					t.Errorf("producer %d: %d came after %d", v.producer, v.number, last[v.producer])
				}
				last[v.producer] = v.number
			}
		})
	}
	wg.Wait()
	for p := range seen {
		for n := range seen[p] {
			if times := seen[p][n].Load(); times != 1 {
				t.Fatalf("value %d of producer %d arrived %d times", n, p, times)
			}
		}
	}
}
