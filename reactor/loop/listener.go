package loop

import (
	"net"
	"os"

	"golang.org/x/sys/unix"

	"weir/reactor/loop/socket"
)

// One listening socket per address, watched by one loop, which gives each accepted connection to the loop that has
// the fewest. SO_REUSEPORT sockets, one per loop, would leave the balance to a hash and lose what waits in their
// backlogs when one closes; a socket shared by all epoll sets wakes all of them and gives most connections to the
// fastest. This way the balance is exact, and one descriptor per address is all that a successor process would have
// to inherit. reuse_port is for several processes, not for the loops of one.

// Listener is one listening socket, or what a connection has instead that nobody accepted. What is exported is set
// before Start, and not changed.
type Listener struct {
	// Name tells it apart in metrics and logs.
	Name string
	// Address is what it is bound to, with the port the kernel chose.
	Address string
	// IP is the address of a TCP listener without the port; Loopback says that only this machine reaches it.
	IP       string
	Loopback bool
	// Path is that of a Unix socket, whose file is removed at the end, unless the socket is Lent.
	Path string
	// Lent is a socket that somebody else has bound, and binds a successor to.
	Lent bool
	// Patient holds no deadline against the peers of its connections.
	Patient bool
	// Wire, unless nil, is in the place of the socket of its one connection.
	Wire Wire
	// Ended, unless nil, hears why a connection has ended, on its loop. It must not block.
	Ended func(why Reason)

	// The loop's.
	fd   int32
	tag  uint64
	loop *Loop
	shut bool // not watched until the next tick
}

// Listen binds one address. Nothing is accepted before Start, but the kernel queues connections.
func (s *Loops) Listen(name, network, address string) error {
	fd, bound, err := s.socketOptions().Listen(name, network, address)
	if err == nil {
		s.keep(name, fd, bound, false)
	}
	return err
}

// ListenOn takes a listening socket that somebody else has bound, a service manager or a predecessor. It is set as one
// of ours; file stays the caller's, who may close it. lent: who has bound it binds a successor to it, too.
func (s *Loops) ListenOn(name string, file *os.File, lent bool) error {
	fd, bound, err := s.socketOptions().ListenOn(name, file)
	if err == nil {
		s.keep(name, fd, bound, lent)
	}
	return err
}

func (s *Loops) socketOptions() *socket.Options {
	return &socket.Options{Backlog: s.opts.Backlog, SendBufferBytes: s.opts.SendBufferBytes,
		PeerTimeout: s.opts.PeerTimeout, ReusePort: s.opts.ReusePort}
}

// keep makes a listener of a descriptor.
func (s *Loops) keep(name string, fd int32, bound net.Addr, lent bool) {
	ln := &Listener{Name: name, Address: bound.String(), Lent: lent, fd: fd}
	if tcp, ok := bound.(*net.TCPAddr); ok {
		ln.IP, ln.Loopback = tcp.IP.String(), tcp.IP.IsLoopback()
	} else {
		ln.Path = ln.Address
	}
	ln.loop = s.all[len(s.listeners)%len(s.all)]
	ln.tag = tagListener - uint64(len(ln.loop.listeners))
	ln.loop.listeners = append(ln.loop.listeners, ln)
	s.listeners = append(s.listeners, ln)
}

// open begins to watch the listener.
func (ln *Listener) open() error {
	return socket.Watch(ln.loop.epfd, unix.EPOLL_CTL_ADD, ln.fd, unix.EPOLLIN, ln.tag)
}

// setShut stops or goes on accepting; the backlog keeps what comes meanwhile.
func (ln *Listener) setShut(shut bool) {
	interest := uint32(unix.EPOLLIN)
	if shut {
		interest = 0
	}
	if err := socket.Watch(ln.loop.epfd, unix.EPOLL_CTL_MOD, ln.fd, interest, ln.tag); err == nil {
		ln.shut = shut
	}
}

// openReserve takes the descriptor that outOfDescriptors gives up for a moment; -1 when there is none to be had.
func openReserve() int {
	fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1
	}
	return fd
}

// reopenListeners goes on accepting after a pause.
func (l *Loop) reopenListeners() {
	waits := l.loops.paused.Load() || l.refusals.Spent(l.now, l.loops.opts.MaxConnectionRefusalRate)
	for _, ln := range l.listeners {
		if ln.shut && ln.fd >= 0 && !waits {
			ln.setShut(false)
		}
	}
	l.loops.reserve.Lock()
	defer l.loops.reserve.Unlock()
	if l.loops.reserve.fd < 0 && !l.loops.closing.Load() {
		l.loops.reserve.fd = openReserve()
	}
}

// closeListeners stops accepting for good; what is still in a backlog gets a reset from the kernel, unless another
// process has the socket too. Then epoll would go on telling of it, so it is taken off the set first.
func (l *Loop) closeListeners() {
	for _, ln := range l.listeners {
		if ln.fd >= 0 {
			_ = socket.Watch(l.epfd, unix.EPOLL_CTL_DEL, ln.fd, 0, ln.tag) // it is not there unless it was opened
			_ = unix.Close(int(ln.fd))
			ln.fd, ln.shut = -1, true
			if ln.Path != "" && !ln.Lent && !l.loops.left.Load() {
				_ = os.Remove(ln.Path)
			}
		}
	}
}
