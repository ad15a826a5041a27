package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Weight is what the kernel keeps for one connected TCP socket that is open, watched by epoll, and idle.
type Weight struct {
	Bytes  int64  `json:"bytes"`
	Source string `json:"source"` // where the figure is from
}

// Assumed is the weight where nothing is measured: Linux 6.18 on amd64, by the slab caches.
var Assumed = Weight{4100, "assumed, measured once on Linux 6.18, amd64"}

const (
	weighPairs = 400
	// lightest and heaviest are what a kernel could need: a figure beyond them is somebody else's memory.
	lightest, heaviest = 2 << 10, 16 << 10
)

// Weigh opens some hundred connections to itself over loopback and reads what the kernel's memory grew by. It takes
// less than a second, leaves nothing behind, and needs twice as many descriptors. Not for several goroutines at once.
//
// It reads /proc/slabinfo, where each cache says how many objects it has and how many fit its pages: the sum over the
// caches that grew with each connection, by whole objects, so that what others do meanwhile does not count. Only root
// may read that. Everybody may read Slab of /proc/meminfo, which is the whole machine's: there the growth is taken on
// the way up and on the way down. Two figures that offer themselves are not used. A control group is not charged for
// the sockets that a listener makes, because the kernel makes them in interrupts, on nobody's account; and
// /proc/net/sockstat counts buffers, which an idle socket has none of.
func Weigh(root fs.FS, pageBytes int64) (Weight, error) {
	h := &Host{root: root, PageBytes: pageBytes}
	before, slabsBefore := h.slabCaches(), h.slabBytes()
	sockets, err := openPairs(weighPairs)
	if err != nil {
		return Assumed, errors.Join(err, sockets.close())
	}
	after, slabsOpen := h.slabCaches(), h.slabBytes()
	if err := sockets.close(); err != nil {
		return Assumed, err
	}
	slabsClosed := h.slabBytes()
	if bytes := perPair(before, after, weighPairs) / 2; plausible(bytes) {
		return Weight{bytes, fmt.Sprintf("measured on %d sockets, by /proc/slabinfo", 2*weighPairs)}, nil
	}
	both := (slabsOpen - slabsBefore) + (slabsOpen - slabsClosed)
	if bytes := both / 2 / (2 * weighPairs); plausible(bytes) {
		return Weight{bytes, fmt.Sprintf("measured on %d sockets, by Slab of /proc/meminfo; others' work is in it "+
			"(as root it is exact)", 2*weighPairs)}, nil
	}
	return Assumed, nil
}

func plausible(bytes int64) bool { return bytes >= lightest && bytes <= heaviest }

// cache is one line of /proc/slabinfo.
type cache struct{ objects, objectBytes int64 }

// slabCaches reads /proc/slabinfo, version 2.1; nil if it may not. An object weighs its share of its pages.
func (h *Host) slabCaches() map[string]cache {
	caches := map[string]cache{}
	for line := range h.lines("proc/slabinfo") {
		fields := strings.Fields(line)
		if len(fields) < 6 {
			continue
		}
		objects, err1 := strconv.ParseInt(fields[1], 10, 64)
		perSlab, err2 := strconv.ParseInt(fields[4], 10, 64)
		pages, err3 := strconv.ParseInt(fields[5], 10, 64)
		if errors.Join(err1, err2, err3) == nil && perSlab > 0 {
			caches[fields[0]] = cache{objects, pages * h.PageBytes / perSlab}
		}
	}
	return caches
}

// perPair is what both ends of one connection weigh: of each cache the objects that it grew by, in whole ones.
func perPair(before, after map[string]cache, pairs int) (bytes int64) {
	for name, c := range after {
		grown := float64(c.objects-before[name].objects) / float64(pairs)
		bytes += max(0, int64(math.Round(grown))) * c.objectBytes
	}
	return bytes
}

// slabBytes is what all slab caches of the machine hold.
func (h *Host) slabBytes() (bytes int64) {
	for line := range h.lines("proc/meminfo") {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "Slab:" {
			kib, _ := strconv.ParseInt(fields[1], 10, 64) // 0 gives no plausible figure
			bytes = kib << 10
		}
	}
	return bytes
}

// pairs are connections of this process to itself.
type pairs struct{ files []int }

// openPairs opens n connections; one end of each is watched by an epoll set, as a server's is.
func openPairs(n int) (p pairs, err error) {
	open := func(fd int, err error) (int, error) {
		if err == nil {
			p.files = append(p.files, fd)
		}
		return fd, err
	}
	set, err := open(unix.EpollCreate1(unix.EPOLL_CLOEXEC))
	if err != nil {
		return p, fmt.Errorf("weigh sockets: %w", err)
	}
	listener, err := open(unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0))
	if err != nil {
		return p, fmt.Errorf("weigh sockets: %w", err)
	}
	loopback := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	if err := errors.Join(unix.Bind(listener, loopback), unix.Listen(listener, 8)); err != nil {
		return p, fmt.Errorf("weigh sockets: %w", err)
	}
	address, err := unix.Getsockname(listener)
	if err != nil {
		return p, fmt.Errorf("weigh sockets: %w", err)
	}
	for range n {
		client, err := open(unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0))
		if err == nil {
			// A reset at the end: no port of this machine stays behind in TIME-WAIT.
			err = errors.Join(unix.SetsockoptLinger(client, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}),
				unix.Connect(client, address))
		}
		if err != nil {
			return p, fmt.Errorf("weigh sockets: %w", err)
		}
		served, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		if served, err = open(served, err); err == nil {
			err = unix.EpollCtl(set, unix.EPOLL_CTL_ADD, served, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(served)})
		}
		if err != nil {
			return p, fmt.Errorf("weigh sockets: %w", err)
		}
	}
	return p, nil
}

func (p pairs) close() (err error) {
	for _, fd := range p.files {
		err = errors.Join(err, unix.Close(fd))
	}
	return err
}
