package task

import (
	"strings"
	"testing"
)

// What waits for a result counts with its message: ten thousand of a megabyte would be more than the process may take.
func TestWaitsCountWithTheirBytes(t *testing.T) {
	tt := newTable(t, func(o *Options) { o.MaxTaskTotalBytes = 1 << 20 })
	one := tt.begin(t, Spec{})
	before := tt.bytes.Load()
	first, second := &heard{bytes: 600 << 10}, &heard{bytes: 600 << 10}
	if turn, _, e := one.Await(first); turn != Wait || e != nil {
		t.Fatal(turn, e)
	}
	if turn, _, e := one.Await(second); turn != Full || e == nil || !strings.Contains(e.Message, "max_task_total_bytes") {
		t.Errorf("the second: turn %d, %v", turn, e)
	}
	if held := tt.bytes.Load() - before; held != 600<<10 {
		t.Errorf("%d bytes are held", held)
	}
	one.GiveUp(first)
	if held := tt.bytes.Load() - before; held != 0 {
		t.Errorf("%d bytes are held when nothing waits", held)
	}
	if turn, _, e := one.Await(second); turn != Wait || e != nil {
		t.Errorf("then: turn %d, %v", turn, e)
	}
	one.Cancel()
	tt.ends(t)
}
