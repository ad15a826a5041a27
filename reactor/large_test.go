package reactor

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"weir/backpressure"
	"weir/reactor/loop"
	"weir/registry"
)

// accepted is the server's descriptor of p's connection.
func (p *peer) accepted() int {
	p.t.Helper()
	ours := p.LocalAddr().(*net.TCPAddr).Port
	entries, err := os.ReadDir("/proc/self/fd")
	must(p.t, err)
	for _, e := range entries {
		fd, _ := strconv.Atoi(e.Name())
		if name, err := unix.Getpeername(fd); err == nil {
			if a, ok := name.(*unix.SockaddrInet4); ok && a.Port == ours {
				return fd
			}
		}
	}
	p.t.Fatal("the server has no such connection")
	return -1
}

// kernelBytes is what the kernel holds of what was written to a socket (SK_MEMINFO_WMEM_QUEUED).
func kernelBytes(t testing.TB, fd int) int {
	t.Helper()
	var info [9]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		t.Fatal(errno)
	}
	return int(info[5])
}

// N1, R10: a large answer may have more on its way than waits, and who never reads pins no more than he could with an
// SO_SNDBUF of 32 KiB, which was 64 KiB and one segment of the loopback, 64 KiB too.
func TestKernelHoldsLittleForWhoNeverReads(t *testing.T) {
	s := start(t, roomy)
	for range 20 {
		p := s.dial("tcp").greet()
		p.ask(40, 50_000)
		fd := p.accepted()
		size, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF)
		must(t, err)
		if size < 128<<10 {
			t.Fatalf("SO_SNDBUF is %d: a window of that size is all that a large answer gets", size)
		}
		s.eventually("its outbox is full", func() bool { return s.loops.OutboxBytes() > 0 })
		if held := kernelBytes(t, fd); held > 128<<10 {
			t.Errorf("the kernel holds %d bytes", held)
		}
	}
}

// F15: the kernel looks for peers that are gone.
func TestDeadPeersAreLookedFor(t *testing.T) {
	f := func(listener string, option, want int) {
		t.Helper()
		s := start(t)
		p := s.dial(listener)
		if listener == "tcp" {
			p.answers()
		} else {
			p.send(postDiscover())
			p.response()
		}
		if got, err := unix.GetsockoptInt(p.accepted(), unix.IPPROTO_TCP, option); err != nil || got != want {
			t.Errorf("%s: option %d is %d, want %d (%v)", listener, option, got, want, err)
		}
	}
	for _, listener := range []string{"tcp", "http"} {
		f(listener, unix.TCP_USER_TIMEOUT, 20_000)
		f(listener, unix.TCP_KEEPIDLE, 15)
		f(listener, unix.TCP_KEEPINTVL, 5)
	}
}

// F15: a peer that leaves its window shut is gone after peer_timeout, though nothing waits in the server.
func TestPeerThatIsGone(t *testing.T) {
	s := start(t, func(o *Options, _ *backpressure.Options, _ *registry.Options) {
		o.PeerTimeout, o.SendBufferBytes = time.Second, 4<<20
	})
	p := s.dial("tcp").greet()
	<-p.ask(20, 50_000)
	s.eventually("nothing waits in the server", func() bool {
		return s.loops.OutboxBytes() == 0 && s.queue.Waiting() == 0
	})
	s.closedFor(loop.ClosePeerReset, "1")
}

// T8: a request that does not come to its end gets 408, and what was asked before it its answer first.
func TestLateRequestIsAnswered(t *testing.T) {
	head := "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
	f := func(name, before, late string) {
		t.Run(name, func(t *testing.T) {
			s := start(t, hasty)
			p := s.dial("http")
			p.send(before + late)
			if before != "" {
				if r, _ := p.response(); r.StatusCode != 200 {
					t.Errorf("the request before it got %s", r.Status)
				}
			}
			r, body := p.response()
			if r.StatusCode != 408 || !r.Close {
				t.Errorf("got %s, close %v", r.Status, r.Close)
			}
			contains(t, body, "message_timeout")
			p.rest()
			p.Close()
			s.closedFor(loop.CloseMessageTimeout, "1")
		})
	}
	f("head", "", head)
	f("body", "", head+"Content-Length: 100\r\n\r\n{")
	f("behind another", postDiscover(), head)
}

// withKernel has the kernel take whole answers.
func withKernel(o *Options, _ *backpressure.Options, _ *registry.Options) {
	o.SendBufferBytes = 4 << 20
}

// awaitInKernel waits until all that p asked for is answered, and some of it is in the kernel.
func (s *server) awaitInKernel(p *peer) {
	s.t.Helper()
	fd := p.accepted()
	s.eventually("the answer is with the kernel", func() bool {
		return s.loops.OutboxBytes() == 0 && s.queue.Executing(backpressure.Compute) == 0 && kernelBytes(s.t, fd) > 0
	})
}

// R5: a peer that is still reading its answer, and sends meanwhile, gets all of it when the server stops.
func TestStopLetsPeersRead(t *testing.T) {
	s := start(t, withKernel, func(o *Options, _ *backpressure.Options, _ *registry.Options) { o.LingerTimeout = time.Minute })
	const size = 80_000 // at some 40 KB a second
	p := s.dial("tcp").narrow().greet()
	<-p.ask(1, size)
	s.awaitInKernel(p)
	stopped := make(chan DrainReport)
	go func() { stopped <- s.stop(time.Hour) }() // it takes what p takes
	got := 0
	for buf := make([]byte, 20_000); ; {
		_, _ = io.WriteString(p.Conn, pingLine) // ours is closed, the server's side is read on
		n, err := p.r.Read(buf)
		got += n
		if err == io.EOF {
			break
		}
		must(t, err)
	}
	p.Close()
	if report := <-stopped; got < size || report.OutboxBytes != 0 {
		t.Errorf("%d bytes of an answer of %d came, the report says %+v", got, size, report)
	}
}

// R5: what was written and not taken is counted.
func TestStopCountsWhatWasNotTaken(t *testing.T) {
	s := start(t, withKernel)
	p := s.dial("tcp").narrow().greet()
	<-p.ask(1, 400_000)
	s.awaitInKernel(p)
	if report := s.stop(200 * time.Millisecond); report.OutboxBytes < 100_000 {
		t.Errorf("the report says %+v", report)
	}
}

// R3: connections that hold the budgets do not cost those their answers who read them.
func TestHoldersGiveWayToReaders(t *testing.T) {
	s := start(t, roomy, func(o *Options, _ *backpressure.Options, _ *registry.Options) {
		o.MaxOutboxTotalBytes, o.MaxInputTotalBytes, o.MaxOutboxBytes = 4<<20, 4<<20, 1<<20
	})
	for range 8 { // more than either budget
		s.dial("tcp").narrow().greet().ask(20, 100_000)
		_, _ = io.WriteString(s.dial("tcp").Conn, strings.Repeat("x", 700_000))
	}
	p := s.dial("tcp").greet()
	for id := range 30 {
		text := strings.Repeat("y", 150_000)
		call := toolCall(fmt.Sprint(id), "echo", `{"message":"`+text+`"}`)
		p.send(call[:70_000])
		p.send(call[70_000:])
		contains(t, p.line(), fmt.Sprintf(`"id":%d,"result"`, id), text)
	}
}
