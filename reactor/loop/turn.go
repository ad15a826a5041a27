package loop

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"weir/backpressure"
	"weir/reactor/loop/socket"
)

// What a loop does in a turn: events first, then its inbox, whose last job is to end.

// Turn serves what is ready, at most eventsPerTurn events. netpoll calls it again while the set is readable. Beside
// work that waits for a processor the loop does not go back to netpoll at once, which keeps the one it has while it
// sleeps: it serves what comes, for a bounded time.
func (l *Loop) Turn() {
	n := socket.Poll(l.epfd, l.events[:])
	for until := int64(0); n > 0; {
		l.turn(n)
		if until == 0 {
			until = l.now + longestTurn
		}
		if n = 0; l.now < until && !l.stopped {
			n = l.await(until)
		}
	}
}

// await returns what is ready, and lets work that waits for a processor go on until something is; 0: nothing does wait,
// or nothing was ready until then.
func (l *Loop) await(until int64) (n int) {
	for {
		if n = socket.Poll(l.epfd, l.events[:]); n > 0 || !l.loops.host.Crowded() {
			return n
		}
		left := backpressure.Now()
		runtime.Gosched()
		if backpressure.Now()-left < nobodyRan {
			time.Sleep(briefRest) // so that this processor takes what waits for another one
		}
		switch now := backpressure.Now(); {
		case now-left < nobodyWaited:
			return socket.Wait(l.epfd, l.events[:], longestWait) // whoever waits next has this processor at once
		case now > until:
			return 0
		}
	}
}

// turn serves the first n events.
func (l *Loop) turn(n int) {
	l.clock()
	begun, away := l.now, int64(0)
	l.share.Begin(l.now)
	l.stats.turns.Add(1)
	for i := range n {
		if gone := l.share.LetOthersGoOn(); gone > 0 {
			away += gone
			l.clock()
		}
		l.serve(&l.events[i])
	}
	end := backpressure.Now()
	l.share.End(end)
	l.stats.busy.Add(end - begun - away)
}

func (l *Loop) serve(event *unix.EpollEvent) {
	tag := socket.TagOf(event)
	switch {
	case tag == tagInbox:
		l.readInbox()
		return
	case tag == tagTimer:
		l.tick()
		return
	case tag <= tagListener && tag > tagListener-uint64(len(l.listeners)):
		l.accept(l.listeners[tagListener-tag])
		return
	}
	place := &l.slots[uint32(tag)]
	c := place.conn
	if c == nil || place.generation != uint32(tag>>32) {
		return // it ended earlier in this turn
	}
	if event.Events&(unix.EPOLLERR|unix.EPOLLHUP) != 0 && event.Events&unix.EPOLLIN == 0 {
		c.Close(ClosePeerReset)
	}
	if event.Events&unix.EPOLLOUT != 0 {
		if c.drainOutbox() {
			c.handler.Ready()
		}
	}
	if event.Events&unix.EPOLLIN != 0 {
		l.read(c)
	}
	if event.Events&unix.EPOLLRDHUP != 0 {
		c.peerLeft()
	}
	c.Settle()
}

// tick runs on the loop's timer.
func (l *Loop) tick() {
	var expirations [8]byte
	_, _ = socket.Read(int32(l.timer), expirations[:]) // only to make it not readable
	l.reopenListeners()
	l.sweep()
}

func (l *Loop) readInbox() {
	var counter [8]byte
	_, _ = socket.Read(int32(l.wakeFD), counter[:])
	in := &l.inbox
	in.Lock()
	in.woken = false
	arrived, jobs, closeLn, visitAll, stop := in.arrived, in.jobs, in.closeLn, in.visitAll, in.stop
	if in.endAll {
		l.ending, visitAll = true, true
	}
	in.arrived, in.jobs, in.closeLn, in.visitAll, in.endAll = nil, nil, false, false, false
	l.visiting = append(l.visiting[:0], in.posted...)
	clear(in.posted)
	in.posted = in.posted[:0]
	for _, c := range l.visiting {
		c.posted = false
	}
	in.Unlock()
	for _, c := range arrived {
		l.adopt(c)
		switch {
		case c.finished:
		case l.stopped:
			c.Close(CloseDrain)
			l.finish(c)
		case l.ending:
			l.end(c)
		}
	}
	for _, c := range l.visiting {
		l.visit(c)
	}
	clear(l.visiting)
	for _, j := range jobs {
		j.OnLoop(l)
	}
	if visitAll {
		l.toVisit = len(l.slots) // also those that a walk under way has passed
	}
	l.visitSome()
	if closeLn {
		l.closeListeners()
	}
	if stop != nil {
		l.closeAll(stop)
	}
}

// visitSome visits the next connections of all, and has the loop come back for the rest when it has served whoever
// else is ready.
func (l *Loop) visitSome() {
	for visited := 0; l.toVisit > 0 && visited < visitsPerTurn; l.toVisit-- {
		if l.visitAt >= len(l.slots) {
			l.visitAt = 0
		}
		c := l.slots[l.visitAt].conn
		if l.visitAt++; c != nil {
			if l.visit(c); l.ending {
				l.end(c)
			}
			visited++
		}
	}
	if l.toVisit > 0 {
		l.wake()
	} else if l.ending {
		l.stats.allEnded.Store(true)
	}
}

// closeAll ends every connection of the loop and says so. It is the loop's last turn of any use.
func (l *Loop) closeAll(done chan struct{}) {
	l.stopped = true
	for i := range l.slots {
		if c := l.slots[i].conn; c != nil {
			if !l.ending {
				c.handler.GoAway(CloseDrain)
			}
			c.Close(CloseDrain)
			l.finish(c)
		}
	}
	l.inbox.Lock()
	l.inbox.stop = nil
	l.inbox.Unlock()
	close(done)
}
