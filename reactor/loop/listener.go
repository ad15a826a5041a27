package loop

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
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
	// Ended, unless nil, hears why a connection has ended, on its loop. It must not block.
	Ended func(why Reason)

	// The loop's.
	fd   int32
	tag  uint64
	loop *Loop
	shut bool // not watched until the next tick
}

// Listen binds one address. The kernel copies the socket options of a listener to what it accepts. Nothing is
// accepted before Start, but the kernel queues connections.
func (s *Loops) Listen(name, network, address string) error {
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var failed error
		if err := raw.Control(func(fd uintptr) { failed = s.prepareListener(int(fd), network) }); err != nil {
			return err
		}
		return failed
	}}
	if network == "unix" {
		if err := removeDeadSocket(address); err != nil {
			return err
		}
	}
	bound, err := config.Listen(context.Background(), network, address)
	if err != nil {
		return fmt.Errorf("listen for %s on %s: %w%s", name, address, err, folderHint(network, address))
	}
	defer bound.Close() // our descriptor is a copy, which the runtime's own poller does not know
	if u, ok := bound.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false)
	}
	file, err := bound.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		return fmt.Errorf("listen for %s on %s: %w", name, address, err)
	}
	defer file.Close()
	return s.keep(name, bound.Addr(), file, false)
}

// ListenOn takes a listening socket that somebody else has bound, a service manager or a predecessor. It is set as one
// of ours; file stays the caller's, who may close it.
func (s *Loops) ListenOn(name string, file *os.File) error {
	bound, err := net.FileListener(file) // nil error: it is a socket that listens
	if err != nil {
		return fmt.Errorf("listen for %s on the socket that was passed: %w", name, err)
	}
	defer bound.Close()
	raw, err := file.SyscallConn()
	if err != nil {
		return fmt.Errorf("listen for %s on the socket that was passed: %w", name, err)
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = s.prepareListener(int(fd), bound.Addr().Network()) })
	if err := errors.Join(err, failed); err != nil {
		return fmt.Errorf("listen for %s on the socket that was passed: %w", name, err)
	}
	return s.keep(name, bound.Addr(), file, true)
}

// keep makes a listener of a copy of the descriptor of file.
func (s *Loops) keep(name string, bound net.Addr, file *os.File, lent bool) error {
	address := bound.String()
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("listen for %s on %s: %w", name, address, err)
	}
	// net listens with a backlog of somaxconn; a second listen(2) sets ours. File() made the socket blocking.
	if err := errors.Join(unix.Listen(fd, s.opts.Backlog), unix.SetNonblock(fd, true)); err != nil {
		return errors.Join(fmt.Errorf("listen for %s on %s: %w", name, address, err), unix.Close(fd))
	}
	ln := &Listener{Name: name, Address: address, Lent: lent, fd: int32(fd)}
	if tcp, ok := bound.(*net.TCPAddr); ok {
		ln.IP, ln.Loopback = tcp.IP.String(), tcp.IP.IsLoopback()
	} else {
		ln.Path = address
	}
	ln.loop = s.all[len(s.listeners)%len(s.all)]
	ln.tag = tagListener - uint64(len(ln.loop.listeners))
	ln.loop.listeners = append(ln.loop.listeners, ln)
	s.listeners = append(s.listeners, ln)
	return nil
}

func (s *Loops) prepareListener(fd int, network string) error {
	if network != "tcp" {
		return nil // Unix sockets inherit nothing
	}
	err := errors.Join(
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		// Not SO_SNDBUF: it would also bound what is on its way to the peer, and with it the speed of large answers.
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, s.opts.SendBufferBytes),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1))
	if s.opts.PeerTimeout > 0 {
		err = errors.Join(err, s.findDeadPeers(fd))
	}
	if s.opts.ReusePort {
		err = errors.Join(err, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
	}
	return err
}

// findDeadPeers has the kernel end a connection whose peer acknowledges nothing for peer_timeout: neither data nor,
// while the connection is idle, the probes that begin after three quarters of that time.
func (s *Loops) findDeadPeers(fd int) error {
	timeout := s.opts.PeerTimeout
	quarter := max(1, int(timeout/4/time.Second))
	return errors.Join(
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(timeout/time.Millisecond)),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 3*quarter),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, quarter))
}

// folderHint says what is wrong with the folder of a Unix socket that could not be made; "" if nothing is.
func folderHint(network, path string) string {
	if network != "unix" || strings.HasPrefix(path, "@") {
		return ""
	}
	missing, folder := "", filepath.Dir(path)
	for {
		info, err := os.Stat(folder)
		switch {
		case err == nil && !info.IsDir():
			return ": " + folder + " is not a folder"
		case err == nil && missing != "":
			return ": the folder " + missing + " does not exist"
		case err == nil && unix.Access(folder, unix.W_OK|unix.X_OK) != nil:
			return ": the folder " + folder + " may not be written to by this user"
		case err == nil || folder == filepath.Dir(folder):
			return ""
		}
		missing, folder = folder, filepath.Dir(folder)
	}
}

// removeDeadSocket makes room for a Unix socket: a file that nobody answers at is what a killed server left behind.
func removeDeadSocket(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at the unix socket: %w", err)
	}
	if info.Mode()&os.ModeSocket == 0 {
		return fmt.Errorf("unix: %s exists and is not a socket, remove it or choose another path", path)
	}
	peer, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		peer.Close()
	}
	if !errors.Is(err, unix.ECONNREFUSED) { // a full backlog is a live server too
		return fmt.Errorf("unix: another server answers at %s, stop it or choose another path", path)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("unix: remove the dead socket %s: %w", path, err)
	}
	return nil
}

// open begins to watch the listener.
func (ln *Listener) open() error {
	return watch(ln.loop.epfd, unix.EPOLL_CTL_ADD, ln.fd, unix.EPOLLIN, ln.tag)
}

// setShut stops or goes on accepting; the backlog keeps what comes meanwhile.
func (ln *Listener) setShut(shut bool) {
	interest := uint32(unix.EPOLLIN)
	if shut {
		interest = 0
	}
	if err := watch(ln.loop.epfd, unix.EPOLL_CTL_MOD, ln.fd, interest, ln.tag); err == nil {
		ln.shut = shut
	}
}

// refusalBudget is how many more connections may be told this second why they are refused.
type refusalBudget struct {
	second int64
	left   int
}

func (b *refusalBudget) take(now int64, perSecond int) bool {
	if second := now/int64(time.Second) + 1; second != b.second { // never 0, the budget's own zero value
		b.second, b.left = second, perSecond
	}
	b.left--
	return b.left >= 0
}

// spent reports whether nobody else can be told this second. A budget of nothing is never spent.
func (b *refusalBudget) spent(now int64, perSecond int) bool {
	return perSecond > 0 && b.second == now/int64(time.Second)+1 && b.left <= 0
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
	for _, ln := range l.listeners {
		if ln.shut && ln.fd >= 0 && !l.refusals.spent(l.now, l.loops.opts.MaxConnectionRefusalRate) {
			ln.setShut(false)
		}
	}
	l.loops.reserve.Lock()
	defer l.loops.reserve.Unlock()
	if l.loops.reserve.fd < 0 && !l.loops.closing.Load() {
		l.loops.reserve.fd = openReserve()
	}
}

// closeListeners stops accepting for good; what is still in a backlog gets a reset from the kernel.
func (l *Loop) closeListeners() {
	for _, ln := range l.listeners {
		if ln.fd >= 0 {
			_ = unix.Close(int(ln.fd))
			ln.fd, ln.shut = -1, true
			if ln.Path != "" && !ln.Lent {
				_ = os.Remove(ln.Path)
			}
		}
	}
}
