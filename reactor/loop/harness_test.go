package loop

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"weir/backpressure"
)

func TestMain(m *testing.M) {
	// netpoll's pool lives as long as the process.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/cloudwego/netpoll.(*defaultPoll).Wait"))
}

// patience bounds every wait of the tests: long enough for a loaded machine under the race detector.
const patience = 20 * time.Second

// echo is a connection that sends back what it reads.
type echo struct {
	Conn
	closed Reason
}

func (e *echo) Decode(b []byte) int {
	e.Send(b)
	return len(b)
}

func (e *echo) EOF([]byte) {}

func (e *echo) Ready() { e.ReadOn() }

func (e *echo) Tick(Waiting, int64) (Reason, bool) { return StillOpen, false }

func (e *echo) Throttle(bool) {}

func (e *echo) GoAway(Reason) bool { return false }

func (e *echo) Closed(why Reason) { e.closed = why }

// echoes is the Host of those.
type echoes struct{}

func (echoes) Accept(home *Loop, ln *Listener, fd int32, addr netip.Addr, _ int64) (*Conn, backpressure.Refusal) {
	e := new(echo)
	e.Init(home, ln, fd, addr, e)
	return &e.Conn, backpressure.Accepted
}

func (echoes) CountRefusal(backpressure.Refusal) {}

func (echoes) AppendRefusal(dst []byte, _ *Listener, _ backpressure.Refusal) []byte { return dst }

func (echoes) Tick(*Loop) {}

func (echoes) Crowded() bool { return false }

func bareOptions() Options {
	return Options{Loops: 1, Backlog: 16, AcceptBatch: 16, ReadBufferBytes: 1 << 16, SendBufferBytes: 32 << 10,
		MaxOutboxBytes: 64 << 10, MaxOutboxTotalBytes: 64 << 20, MaxInputTotalBytes: 64 << 20,
		MessageTimeout: 10 * time.Second, MinReceiveRate: 1, WriteTimeout: 10 * time.Second,
	}
}

// bareLoop is a loop that no poller turns: the test does, and so decides what happens between two steps.
func bareLoop(t *testing.T) *Loop {
	t.Helper()
	s, err := New(bareOptions(), echoes{}, metrics.NewSet(), zerolog.Nop())
	must(t, err)
	t.Cleanup(func() {
		must(t, s.Stop())
		s.Release()
	})
	return s.Loop(0)
}

// connection makes one of fd, which no loop has yet.
func (l *Loop) connection(fd int) *echo {
	e := new(echo)
	e.Init(l, &Listener{Name: "tcp"}, int32(fd), netip.Addr{}, e)
	return e
}

// pair returns both ends of a socket pair, which do not block. The test closes the second.
func pair(t *testing.T) (ours, peers int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	t.Cleanup(func() { _ = unix.Close(fds[1]) })
	return fds[0], fds[1]
}

// received is what has come by now.
func received(fd int) string {
	var all strings.Builder
	room := make([]byte, 64<<10)
	for {
		n, _ := unix.Read(fd, room)
		if n <= 0 {
			return all.String()
		}
		all.Write(room[:n])
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// await waits for a condition that other goroutines bring about.
func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("it never came about that %s", what)
		}
		<-time.After(time.Millisecond)
	}
}
