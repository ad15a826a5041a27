package reactor

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"weir/backpressure"
	"weir/registry"
)

// descriptors is how many are open in this process.
func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(entries)
}

// epollSets are those that are open in this process, lowest first.
func epollSets(t *testing.T) (sets []int) {
	t.Helper()
	for fd := range 1 << 16 {
		if link, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)); err == nil && link == "anon_inode:[eventpoll]" {
			sets = append(sets, fd)
		}
	}
	return sets
}

// brokenServer is one that has not started and cannot: it makes a server, takes the epoll set of its second loop away,
// and puts in its place what epoll and netpoll refuse to work with.
func brokenServer(t *testing.T, tuned tune) *Server {
	t.Helper()
	before := epollSets(t)
	s, err := unstarted(t, tuned)
	must(t, err)
	var sets []int
	for _, fd := range epollSets(t) {
		if !slices.Contains(before, fd) {
			sets = append(sets, fd)
		}
	}
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	must(t, err)
	must(t, unix.Dup3(null, sets[1], unix.O_CLOEXEC))
	must(t, unix.Close(null))
	return s
}

// Wherever a start breaks off: what runs already is ended, what is open is closed, and nobody waits for ever.
func TestStartFails(t *testing.T) {
	// netpoll keeps descriptors of its own
	start(t, func(o *Options, _ *backpressure.Options, _ *registry.Options) { o.Loops = 3 }).stop(0)
	f := func(name string, tcp string, driven bool, want string) {
		t.Run(name, func(t *testing.T) {
			before := descriptors(t)
			s := brokenServer(t, func(o *Options, _ *backpressure.Options, _ *registry.Options) {
				o.Loops, o.HTTP, o.TCP = 3, "127.0.0.1:0", tcp
			})
			var early []*peer // they wait in the backlog, and the first loop shares them out
			for range 6 {
				c, err := net.Dial("tcp", s.Addrs()["http"])
				must(t, err)
				must(t, c.SetDeadline(time.Now().Add(patience)))
				early = append(early, &peer{Conn: c, t: t})
			}
			contains(t, fmt.Sprint(s.loops.Start()), want)
			if driven {
				(&server{t: t}).eventually("they are accepted", func() bool { return s.limits.Connections() == len(early) })
			}
			ended := make(chan DrainReport, 1)
			go func() { ended <- s.Shutdown(context.Background()) }()
			select {
			case <-ended:
			case <-time.After(patience):
				t.Fatal("the drain never ends")
			}
			for _, p := range early {
				var room [1]byte
				if _, err := p.Read(room[:]); err == nil || os.IsTimeout(err) {
					t.Errorf("a connection is still open: %v", err)
				}
				p.Close()
			}
			if n := s.limits.Connections(); n != 0 {
				t.Errorf("%d places are still taken", n)
			}
			if after := descriptors(t); after != before {
				t.Errorf("%d descriptors are open, %d were before", after, before)
			}
		})
	}
	f("a listener cannot be watched", "127.0.0.1:0", false, "watch the tcp listener")
	f("a loop cannot be driven", "", true, "give loop 1 to netpoll")
}

// What was bound before an address that cannot be is closed again.
func TestListenFailsOnTheThirdAddress(t *testing.T) {
	before := descriptors(t)
	s, err := unstarted(t, func(o *Options, _ *backpressure.Options, _ *registry.Options) {
		o.HTTP, o.TCP, o.Unix = "127.0.0.1:0", "127.0.0.1:0", t.TempDir()+"/none/s"
	})
	if err == nil {
		t.Fatal("it listens where no folder is")
	}
	for name, address := range s.Addrs() {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			t.Errorf("%s still listens on %s", name, address)
		}
	}
	if after := descriptors(t); after != before || len(s.Addrs()) != 2 {
		t.Errorf("%d descriptors are open, %d were before; %d addresses were bound", after, before, len(s.Addrs()))
	}
}
