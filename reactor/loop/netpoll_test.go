package loop

import (
	"context"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"weir/reactor/loop/socket"
)

// drivenLoop is a loop with a poller, and an eventfd in its set that stays readable until it is read.
func drivenLoop(t *testing.T) (l *Loop, d *driver, event int) {
	t.Helper()
	l = bareLoop(t)
	l.slots = append(l.slots, slot{}) // nobody's: the loop ignores its events
	event, err := unix.Eventfd(1, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	must(t, err)
	t.Cleanup(func() { unix.Close(event) })
	must(t, socket.Watch(l.epfd, unix.EPOLL_CTL_ADD, int32(event), unix.EPOLLIN, 0))
	must(t, growPool(1))
	d, err = drive(l)
	must(t, err)
	return l, d, event
}

// "an epoll descriptor is readable while its ready list is not empty, and netpoll calls Accept whenever it is"
func TestTurnsComeWhileTheSetIsReadable(t *testing.T) {
	l, d, event := drivenLoop(t)
	await(t, "turns come", func() bool { return l.stats.turns.Load() > 100 })
	var counter [8]byte
	_, err := unix.Read(event, counter[:])
	must(t, err)
	var before uint64
	await(t, "turns cease but for the timer's", func() bool {
		before = l.stats.turns.Load()
		<-time.After(100 * time.Millisecond)
		return l.stats.turns.Load()-before <= 1
	})
	stop(t, d)
}

func stop(t *testing.T, d *driver) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	must(t, d.stop(ctx))
}

// slowTurn is a job that makes a turn last until the test lets it end.
type slowTurn struct{ begun, end chan struct{} }

func (s slowTurn) OnLoop(*Loop) {
	close(s.begun)
	<-s.end
}

// stop "returns once no turn runs and none will".
func TestStopWaitsForTheTurn(t *testing.T) {
	l, d, _ := drivenLoop(t)
	turn := slowTurn{make(chan struct{}), make(chan struct{})}
	l.Do(turn)
	<-turn.begun
	stopped := make(chan struct{})
	go func() {
		stop(t, d)
		close(stopped)
	}()
	select {
	case <-stopped:
		t.Error("stop returned in the middle of a turn")
	case <-time.After(100 * time.Millisecond):
	}
	close(turn.end)
	<-stopped
	turns := l.stats.turns.Load()
	<-time.After(50 * time.Millisecond) // the set is readable
	if now := l.stats.turns.Load(); now != turns {
		t.Errorf("%d turns came after the stop", now-turns)
	}
}
