package reactor

import (
	"context"
	"errors"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"weir/backpressure"
)

// stdioTimes is how long the end of a conversation over streams waits, and for what. Until somebody wants the
// conversation to end, a client may leave its answers unread for as long as it likes.
type stdioTimes struct {
	output  time.Duration // for an output that takes nothing, and for handlers whose answers nobody can read any more
	orderly time.Duration // without a reader, for an end because nothing is left to do
	last    time.Duration // beyond the grace, for what is left in the socket pair
}

var defaultStdioTimes = stdioTimes{output: 3 * time.Second, orderly: 500 * time.Millisecond, last: time.Second}

var (
	errNobodyReads = errors.New("write the output: its reader is gone")
	errNotRead     = errors.New("the output was not read to its end")
)

// output is what the answers are written to.
type output struct {
	io.Writer
	since atomic.Int64 // when the Write that is under way began (backpressure.Now); 0 for none
	gone  atomic.Bool  // its reader is gone, and there was more to say
	watch *os.File     // closed to end watchReader; nil without one
}

// Write implements io.Writer. Only one goroutine writes.
func (o *output) Write(b []byte) (int, error) {
	o.since.Store(max(1, backpressure.Now()))
	defer o.since.Store(0)
	return o.Writer.Write(b)
}

// stuck is for how long a Write has been under way.
func (o *output) stuck() time.Duration {
	since := o.since.Load()
	if since == 0 {
		return 0
	}
	return time.Duration(backpressure.Now() - since)
}

// watchReader calls gone when the reader of the output goes away, which only a write would tell otherwise: with a call
// that takes a minute, or an input that another process holds open, nobody would notice. Outputs that are no files, and
// files that have no readers, are not watched.
func (o *output) watchReader(gone func()) error {
	file, ok := o.Writer.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return nil // a file that is closed: the first write says so
	}
	fd := -1 // a copy, so that out may be closed meanwhile
	err = raw.Control(func(own uintptr) { fd, err = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0) })
	if err != nil || fd < 0 {
		return err
	}
	var end [2]int
	if err := unix.Pipe2(end[:], unix.O_CLOEXEC); err != nil {
		closeFile(fd)
		return err
	}
	o.watch = os.NewFile(uintptr(end[1]), "the end of a watch")
	go func() {
		defer closeFile(end[0])
		defer closeFile(fd)
		if hangsUp(fd, end[0]) {
			gone()
		}
	}()
	return nil
}

// readerGone ends the conversation: in order, as at the end of the input, if nothing runs any more, and else by
// cancelling what runs.
func (t *streams) readerGone() {
	_ = t.peer.CloseWrite() // fails only if the conversation has ended
	patience := time.NewTimer(t.times.orderly)
	defer patience.Stop()
	select {
	case <-t.over:
	case <-patience.C:
		t.out.gone.Store(true)
		_ = t.peer.Close() // which ends copyOutput
	}
}

// unwatch ends watchReader. It may be called more than once.
func (o *output) unwatch() {
	if o.watch != nil {
		_ = o.watch.Close() // closed before
	}
}

// hangsUp waits until nobody can read what is written to fd, or until the other end of stop is closed.
func hangsUp(fd, stop int) bool {
	for {
		set := []unix.PollFd{{Fd: int32(fd)}, {Fd: int32(stop)}} // no events: errors and hang-ups are always reported
		if _, err := unix.Poll(set, -1); err == unix.EINTR {
			continue
		} else if err != nil || set[1].Revents != 0 {
			return false
		}
		return set[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0
	}
}

func closeFile(fd int) { _ = unix.Close(fd) } // nothing is lost in it

// hurry calls cancel when there is nothing left to wait for: the output has taken nothing for times.output, or it has
// broken, and the handlers had as long to notice. It returns when ctx is over.
func (t *streams) hurry(ctx context.Context, cancel func()) {
	tick := time.NewTicker(t.times.output / 16)
	defer tick.Stop()
	began := time.Now()
	var broken time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		switch {
		case t.isBroken() && broken.IsZero():
			broken = time.Now()
		case !broken.IsZero() && time.Since(broken) >= t.times.output,
			min(t.out.stuck(), time.Since(began)) >= t.times.output:
			cancel()
			return
		}
	}
}

// isBroken says whether the conversation has ended because of its output.
func (t *streams) isBroken() bool {
	select {
	case <-t.over:
		return t.ending.err != nil
	default:
		return false
	}
}
