package backpressure

import (
	"fmt"
	"testing"
	"unsafe"
)

func TestSizes(t *testing.T) {
	expect(t, "Lane in bytes", unsafe.Sizeof(Lane{}), 72)
	expect(t, "Ticket in bytes", unsafe.Sizeof(Ticket{}), 56)
}

func TestLaneCut(t *testing.T) {
	f := func(waiting, cut, want int) {
		t.Helper()
		var l Lane
		for i := range waiting {
			m := newMessage(i)
			m.bytes = 10
			l.link(Compute, &m.Ticket, false)
		}
		b := l.cut(Compute, cut)
		expect(t, "taken", b.n, want)
		expect(t, "bytes taken", b.bytes, int64(10*want))
		expect(t, "waiting after", int(l.waiting), waiting-want)
		expect(t, "bytes after", l.bytes, uint32(10*(waiting-want)))
		i := 0
		for t1 := b.first; t1 != nil; t1 = t1.Next() {
			expect(t, "order", t1.Job.(*message).number, i)
			i++
		}
		expect(t, "linked", i, want)
		rest := l.cut(Compute, waiting+1)
		expect(t, "rest", rest.n, waiting-want)
		if rest.n > 0 {
			expect(t, "first of the rest", rest.first.Job.(*message).number, want)
		}
		expect(t, "empty", l.tails[Compute] == nil, true)
	}
	f(0, 1, 0)
	f(1, 0, 0)
	f(1, 1, 1)
	f(1, 5, 1)
	f(5, 1, 1)
	f(5, 4, 4)
	f(5, 5, 5)
	f(100, 32, 32)
}

// What goes on goes before all that wait, and what comes later still behind them.
func TestLaneFirst(t *testing.T) {
	var l Lane
	var got []int
	for i, first := range []bool{true, false, true, false} {
		l.link(Compute, &newMessage(i).Ticket, first)
	}
	for t1 := l.cut(Compute, 4).first; t1 != nil; t1 = t1.Next() {
		got = append(got, t1.Job.(*message).number)
	}
	expect(t, "order", fmt.Sprint(got), "[2 0 1 3]")
}

func TestWaitLeavesOneToCompute(t *testing.T) {
	f := func(limit, compute, wait, roomCompute, roomWait int) {
		t.Helper()
		l := Lane{executing: [classes]uint16{uint16(compute), uint16(wait)}}
		expect(t, "room of compute", l.room(Compute, limit), roomCompute)
		expect(t, "room of wait", l.room(Blocking, limit), roomWait)
	}
	f(32, 0, 0, 32, 31)
	f(32, 0, 31, 1, 0)
	f(32, 32, 0, 0, -1)
	f(1, 0, 0, 1, 1)
	f(1, 0, 1, 0, 0)
}
