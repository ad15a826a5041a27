package loop

import (
	"os"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

func TestConnectionThatCannotBeWatched(t *testing.T) {
	l := bareLoop(t)
	file, err := os.CreateTemp(t.TempDir(), "x")
	must(t, err)
	fd, err := unix.Dup(int(file.Fd())) // epoll takes no regular files
	must(t, err)
	must(t, file.Close())
	c := l.connection(fd)
	l.loops.Adopt(&c.Conn)
	l.Turn()
	if !c.Finished() || c.closed != CloseError || l.Connections() != 0 {
		t.Errorf("finished %v for %v, %d connections", c.Finished(), c.closed, l.Connections())
	}
	if n := l.loops.metrics.closed[CloseError].Get(); n != 1 {
		t.Errorf("counted %d times", n)
	}
}

// A connection that reaches its loop after the loop has closed all of them is closed too.
func TestConnectionThatArrivesDuringTheStop(t *testing.T) {
	l := bareLoop(t)
	must(t, l.loops.Stop())
	ours, _ := pair(t)
	c := l.connection(ours)
	l.loops.Adopt(&c.Conn)
	l.Turn()
	if !c.Finished() || c.closed != CloseDrain || l.Connections() != 0 {
		t.Errorf("it is open after the stop: %v, %d connections", c.closed, l.Connections())
	}
}

func TestWritabilityIsAskedForOnlyWhileSomethingWaits(t *testing.T) {
	l := bareLoop(t)
	ours, peer := pair(t)
	c := l.connection(ours)
	l.loops.Adopt(&c.Conn)
	l.Turn()
	if c.interest != unix.EPOLLIN {
		t.Fatalf("a new connection waits for %x", c.interest)
	}
	c.Send([]byte(strings.Repeat("x", 4<<20)))
	if c.interest&unix.EPOLLOUT == 0 || c.interest&unix.EPOLLIN != 0 || c.stalledSince.Load() == 0 {
		t.Fatalf("with a full outbox it waits for %x, stalled since %d", c.interest, c.stalledSince.Load())
	}
	total := 0
	for c.interest&unix.EPOLLOUT != 0 {
		got := len(received(peer))
		total += got
		if l.Turn(); got == 0 {
			t.Fatalf("nothing more comes after %d bytes", total)
		}
	}
	total += len(received(peer))
	if total != 4<<20 || c.interest != unix.EPOLLIN || c.stalledSince.Load() != 0 || l.loops.OutboxBytes() != 0 || c.outbox != nil {
		t.Errorf("%d bytes came, it waits for %x, stalled since %d, %d bytes are accounted for",
			total, c.interest, c.stalledSince.Load(), l.loops.OutboxBytes())
	}
}

// TestSizes holds this package's part of the table of docs/MEMORY.md. What embeds a Conn
// is allocated as one, so that it counts to the byte.
func TestSizes(t *testing.T) {
	if n := unsafe.Sizeof(Conn{}); n > 192 {
		t.Errorf("Conn is %d bytes, at most 192", n)
	}
	if n := unsafe.Sizeof(slot{}); n > 16 {
		t.Errorf("slot is %d bytes, at most 16", n)
	}
}
