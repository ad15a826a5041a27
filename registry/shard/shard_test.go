package shard

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"
)

func TestTable(t *testing.T) {
	for _, partitions := range []int{1, 2, 3, 16, 64, 100, 200, 428} {
		s := New[int](partitions)
		for i := range 1000 {
			if !s.Put(fmt.Sprint(i), i, 1000) {
				t.Fatal(partitions, "refused", i)
			}
		}
		if s.Put("one more", 0, 1000) || !s.Put("7", -7, 1000) || s.Len() != 1000 {
			t.Error(partitions, "the limit is for new keys only; held:", s.Len())
		}
		for i := range 1000 {
			want := i
			if i == 7 {
				want = -7
			}
			if got, ok := s.Get(fmt.Append(nil, i)); !ok || got != want {
				t.Fatal(partitions, i, got, ok)
			}
		}
		if n := s.Sweep(func(v int) bool { return v%2 == 0 }); n != 500 || s.Len() != 500 {
			t.Error(partitions, "swept", n, "left", s.Len())
		}
		if v, ok := s.Remove([]byte("9")); !ok || v != 9 {
			t.Error(partitions, "remove:", v, ok)
		}
		if _, ok := s.Remove([]byte("9")); ok || s.Len() != 499 {
			t.Error(partitions, "removed twice, or counted wrongly:", s.Len())
		}
	}
}

// Keys spread evenly over any number of partitions: chi-square over 100,000 session ids stays under its 99.99% bound
// (about n + 4*sqrt(2n) for n degrees of freedom), and no partition is 30% off.
func TestBalance(t *testing.T) {
	const keys = 100_000
	for _, partitions := range []int{16, 64, 100, 200, 256} {
		s := New[struct{}](partitions)
		for i := range keys {
			s.Put(fmt.Sprintf("session-%d", i), struct{}{}, keys)
		}
		mean, chi, worst := float64(keys)/float64(partitions), 0.0, 0.0
		for i := range s.parts {
			off := float64(len(s.parts[i].m)) - mean
			chi += off * off / mean
			worst = max(worst, off/mean, -off/mean)
		}
		n := float64(partitions - 1)
		if excess := chi - n; excess*excess > 16*2*n && excess > 0 || worst > 0.3 {
			t.Errorf("%d partitions: chi-square %.0f, worst %.0f%% off", partitions, chi, worst*100)
		}
	}
}

// A partition has its two cache lines for itself.
func TestPartitionSize(t *testing.T) {
	if got := unsafe.Sizeof(partition[*int]{}); got != 128 {
		t.Errorf("a partition is %d bytes, want two cache lines", got)
	}
}

func TestConcurrently(t *testing.T) {
	s := New[int](7)
	var done sync.WaitGroup
	for worker := range 8 {
		done.Go(func() {
			for i := range 2000 {
				key := fmt.Sprint(i % 100)
				switch (i + worker) % 4 {
				case 0:
					s.Put(key, i, 60)
				case 1:
					s.Remove([]byte(key))
				case 2:
					s.Sweep(func(v int) bool { return v%50 == worker })
				default:
					s.Get([]byte(key))
				}
			}
		})
	}
	done.Wait()
	held := 0
	for i := range s.parts {
		held += len(s.parts[i].m)
	}
	if held != s.Len() || held > 60 {
		t.Errorf("holds %d keys, counts %d, allowed 60", held, s.Len())
	}
}

// BenchmarkGet looks keys up from all cores, with one change per 1,024 lookups.
func BenchmarkGet(b *testing.B) {
	const keys = 10_000
	for _, partitions := range []int{1, 16, 64, 100, 256} {
		b.Run(fmt.Sprint(partitions), func(b *testing.B) {
			s := New[*int](partitions)
			ids := make([][]byte, keys)
			for i := range ids {
				ids[i] = fmt.Appendf(nil, "session-%020d", i)
				s.Put(string(ids[i]), new(int), keys)
			}
			var worker atomic.Uint32
			b.RunParallel(func(pb *testing.PB) {
				for i := worker.Add(1) * 7919; pb.Next(); i++ {
					id := ids[i%keys]
					if i%1024 == 0 {
						s.Put(string(id), new(int), keys)
					} else if _, ok := s.Get(id); !ok {
						panic("lost")
					}
				}
			})
		})
	}
}
