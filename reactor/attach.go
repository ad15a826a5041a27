package reactor

import (
	"fmt"

	"golang.org/x/sys/unix"

	"weir/backpressure"
	"weir/reactor/loop"
)

// attach serves lines on a connection that nobody accepted, such as the socket pair of standard streams (stdio.go).
// fd is a connected stream socket; it must not be used any more, the server closes it, unless attach failed. name
// stands for the listener in the log.
//
// The connection is counted, limited and drained like the others, and the reason it is refused for is the error. But no
// deadline is held against its peer: a launcher that says and reads nothing for an hour, because it is being debugged,
// holds up nobody but itself. ended, which may not be nil, hears once why it ended, in the word of the metrics, on the
// connection's loop: it must not block.
//
// It follows Start and does not run beside Shutdown. MCP 2026-07-28 basic/transports/stdio has the framing.
func (s *Server) attach(name string, fd int, ended func(reason string)) error {
	err := unix.SetNonblock(fd, true)
	if err == nil {
		// The kernel doubles it.
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, s.opts.SendBufferBytes/2)
	}
	if err != nil {
		return fmt.Errorf("attach %s: %w", name, err)
	}
	from := &loop.Listener{Name: name, Patient: true}
	if ended != nil {
		from.Ended = func(why loop.Reason) { ended(why.String()) }
	}
	c, refusal := s.site.Attach(s.loops.LeastLoaded(), from, int32(fd))
	if refusal != backpressure.Accepted {
		s.queue.CountRefusal(refusal)
		return fmt.Errorf("attach %s: refused: %v", name, refusal)
	}
	s.loops.Adopt(c)
	return nil
}
