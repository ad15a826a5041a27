package loop

import (
	"net/netip"
	"testing"
	"time"

	"weir/reactor/loop/round"
)

// looked is a connection without a socket that counts how often its loop looks at it.
type looked struct {
	echo
	ticks int
}

func (c *looked) Tick(Waiting, int64) (Reason, bool) {
	c.ticks++
	return StillOpen, false
}

// idlers is a loop with so many of them, which have first_byte_timeout to say something.
func idlers(t *testing.T, n int, firstByte time.Duration) (*Loop, []*looked) {
	l := bareLoop(t)
	l.loops.opts.FirstByteTimeout = firstByte
	all := make([]*looked, n)
	for at := range all {
		c := new(looked)
		c.Init(l, &Listener{Name: "tcp"}, -1, netip.Addr{}, c)
		c.tag, c.lastRead = uint64(at), l.now
		l.slots = append(l.slots, slot{conn: &c.Conn})
		all[at] = c
	}
	t.Cleanup(func() { l.slots = nil })
	return l, all
}

// Many connections are looked at in parts, each of them once per interval.
func TestSweepIsInParts(t *testing.T) {
	const n, parts = 2000, 2
	l, all := idlers(t, n, 0)
	looks := 0
	for range 4 * parts {
		l.Advance(time.Duration(round.Interval / parts))
		now := 0
		for _, c := range all {
			now += c.ticks
		}
		if now-looks > 1024 {
			t.Fatalf("%d connections are looked at in one turn", now-looks)
		}
		looks = now
	}
	for at, c := range all {
		if c.ticks != 4 {
			t.Fatalf("connection %d is looked at %d times in four intervals", at, c.ticks)
		}
	}
}

// A process that stood still in the middle of a sweep ends nobody for it: everybody's time begins anew, whichever part
// it is in.
func TestSweepExcusesEverybodyOnce(t *testing.T) {
	const n, parts = 2000, 2
	l, all := idlers(t, n, 3*time.Second)
	for range parts + 1 {
		l.Advance(time.Duration(round.Interval / parts))
	}
	l.now += int64(10 * time.Second)
	l.sweep()
	for range parts {
		l.Advance(time.Duration(round.Interval / parts))
	}
	for at, c := range all {
		if c.finished || c.lastRead < l.now-int64(time.Second) {
			t.Fatalf("connection %d: ended %t, silent for %v", at, c.finished, time.Duration(l.now-c.lastRead))
		}
	}
	if l.excusing != 0 {
		t.Errorf("%d more are excused", l.excusing)
	}
}
