package pressure

import (
	"errors"
	"testing"
	"time"
)

// TestLevels: each level is reached at once above its threshold, and left a step at a time below its margin.
func TestLevels(t *testing.T) {
	f := func(name string, o Options, steps ...any) {
		t.Helper()
		g := New(o)
		for i := 0; i < len(steps); i += 2 {
			if got := g.Observe(steps[i].(Reading)); got.Level != steps[i+1].(Level) {
				t.Errorf("%s, step %d: %v of %+v, want %v", name, i/2, got.Level, got, steps[i+1])
			}
		}
	}
	d := DefaultOptions()
	heap := func(part int64) Reading { return Reading{HeapBytes: part, HeapLimitBytes: 100} }
	f("up and down", d, heap(85), None, heap(86), ShortenIdle, heap(93), CloseAfterAnswer, heap(96), RefuseCalls,
		heap(99), RefuseConnections, heap(94), RefuseConnections, heap(92), RefuseCalls, heap(91), RefuseCalls,
		heap(89), CloseAfterAnswer, heap(88), CloseAfterAnswer, heap(50), ShortenIdle, heap(50), None)
	f("at once", d, heap(99), RefuseConnections, heap(10), RefuseCalls, heap(10), CloseAfterAnswer, heap(10), ShortenIdle,
		heap(10), None)
	f("around a threshold", d, heap(96), RefuseCalls, heap(94), RefuseCalls, heap(96), RefuseCalls,
		heap(91), RefuseCalls)
	f("no limit", d, Reading{HeapBytes: 1 << 40, ResidentBytes: 1 << 40}, None)
	f("resident memory", d, Reading{ResidentBytes: 97, ResidentLimitBytes: 100}, RefuseCalls)
	f("connections fill what they may", d, Reading{Files: 19_774, Connections: 19_744, FileLimit: 20_000}, None)
	f("tools fill the rest", d, Reading{Files: 19_997, Connections: 19_744, FileLimit: 20_000}, RefuseConnections)
	f("slow processors refuse nothing", d, Reading{Latency: time.Minute}, CloseAfterAnswer,
		Reading{Latency: 88 * time.Millisecond}, CloseAfterAnswer, Reading{Latency: 86 * time.Millisecond}, ShortenIdle)
	f("nor do long waits", d, Reading{QueueAge: time.Minute}, CloseAfterAnswer)
	off := d
	off.CloseAbove, off.RefuseConnectionsAbove, off.MaxSchedulingLatency = 0, 0, 0
	f("without some", off, heap(100), RefuseCalls, heap(10), ShortenIdle, heap(10), None,
		Reading{Latency: time.Hour}, None)
}

func TestShortOfMemory(t *testing.T) {
	f := func(r Reading, want bool) {
		t.Helper()
		if s := New(DefaultOptions()).Observe(r); s.ShortOfMemory() != want {
			t.Errorf("%+v", s)
		}
	}
	f(Reading{HeapBytes: 99, HeapLimitBytes: 100}, true)
	f(Reading{HeapBytes: 97, HeapLimitBytes: 100}, false)
	f(Reading{HeapBytes: 98, HeapLimitBytes: 100, Files: 100, FileLimit: 100}, false)
}

func TestOptions(t *testing.T) {
	f := func(change func(*Options), want string) {
		t.Helper()
		o := DefaultOptions()
		change(&o)
		if err := errors.Join(o.Validate()...); err == nil && want != "" || err != nil && err.Error() != want {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	f(func(*Options) {}, "")
	f(func(o *Options) { o.CloseAbove = 0.5 }, "close_above: 0.5 is below shorten_idle_above: allowed is 0.85 to 1")
	f(func(o *Options) { o.CloseAbove = 0 }, "")
	f(func(o *Options) { o.CloseAbove, o.RefuseCallsAbove = 0, 0.8 },
		"refuse_calls_above: 0.8 is below shorten_idle_above: allowed is 0.85 to 1")
}
