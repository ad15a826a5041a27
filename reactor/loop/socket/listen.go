package socket

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

// Options are what a listening socket is set to, and with it what is accepted from it. Whoever fills them in has
// checked them.
type Options struct {
	// Backlog is the length of the kernel's queue of connections that wait to be accepted.
	Backlog int
	// SendBufferBytes is what the kernel may hold of a connection beyond what is on its way to the peer.
	SendBufferBytes int
	// PeerTimeout is how long a TCP peer may acknowledge nothing. 0: as long as the kernel's own settings say.
	PeerTimeout time.Duration
	// ReusePort lets several processes listen on the same port.
	ReusePort bool
}

// Listen binds one address; a Unix socket that a killed server left behind makes room. fd is the caller's, at
// has the port that the kernel chose, and name is what errors call it.
func (o *Options) Listen(name, network, address string) (fd int32, at net.Addr, err error) {
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var failed error
		if err := raw.Control(func(fd uintptr) { failed = o.prepare(int(fd), network) }); err != nil {
			return err
		}
		return failed
	}}
	config.SetMultipathTCP(false) // a successor could not set the options of such a socket
	if network == "unix" {
		if err := removeDeadSocket(address); err != nil {
			return -1, nil, err
		}
	}
	bound, err := config.Listen(context.Background(), network, address)
	if err != nil {
		return -1, nil, fmt.Errorf("listen for %s on %s: %w%s", name, address, err, folderHint(network, address))
	}
	defer bound.Close() // our descriptor is a copy, which the runtime's own poller does not know
	if u, ok := bound.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false)
	}
	file, err := bound.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		return -1, nil, fmt.Errorf("listen for %s on %s: %w", name, address, err)
	}
	defer file.Close()
	return o.keep(name, bound.Addr(), file)
}

// ListenOn takes a listening socket that somebody else has bound, a service manager or a predecessor. It is set as one
// of ours; file stays the caller's, who may close it. fd is a copy, and the caller's too.
func (o *Options) ListenOn(name string, file *os.File) (fd int32, at net.Addr, err error) {
	bound, err := net.FileListener(file) // nil error: it is a socket that listens
	if err != nil {
		return -1, nil, fmt.Errorf("listen for %s on the socket that was passed: %w", name, err)
	}
	defer bound.Close()
	raw, err := file.SyscallConn()
	if err != nil {
		return -1, nil, fmt.Errorf("listen for %s on the socket that was passed: %w", name, err)
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = o.prepare(int(fd), bound.Addr().Network()) })
	if err := errors.Join(err, failed); err != nil {
		return -1, nil, fmt.Errorf("listen for %s on the socket that was passed: %w", name, err)
	}
	return o.keep(name, bound.Addr(), file)
}

// keep makes a descriptor of our own of a listening socket's file.
func (o *Options) keep(name string, bound net.Addr, file *os.File) (int32, net.Addr, error) {
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return -1, nil, fmt.Errorf("listen for %s on %s: %w", name, bound, err)
	}
	// net listens with a backlog of somaxconn; a second listen(2) sets ours. File() made the socket blocking.
	if err := errors.Join(unix.Listen(fd, o.Backlog), unix.SetNonblock(fd, true)); err != nil {
		return -1, nil, errors.Join(fmt.Errorf("listen for %s on %s: %w", name, bound, err), unix.Close(fd))
	}
	return int32(fd), bound, nil
}

// prepare sets what the kernel copies to every socket that is accepted.
func (o *Options) prepare(fd int, network string) error {
	if network != "tcp" {
		return nil // Unix sockets inherit nothing
	}
	err := errors.Join(
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		// Not SO_SNDBUF: it would also bound what is on its way to the peer, and with it the speed of large answers.
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, o.SendBufferBytes),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1))
	if o.PeerTimeout > 0 {
		err = errors.Join(err, o.findDeadPeers(fd))
	}
	if o.ReusePort {
		err = errors.Join(err, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
	}
	return err
}

// findDeadPeers has the kernel end a connection whose peer acknowledges nothing for peer_timeout: neither data nor,
// while the connection is idle, the probes that begin after three quarters of that time.
func (o *Options) findDeadPeers(fd int) error {
	timeout := o.PeerTimeout
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
