package loop

import (
	"net/netip"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"weir/backpressure"
	"weir/reactor/loop/socket"
)

// hoarder is a connection whose messages end with a newline; it drops them.
type hoarder struct{ echo }

func (h *hoarder) Decode(b []byte) (used int) {
	for i, c := range b {
		if c == '\n' {
			used = i + 1
		}
	}
	return used
}

func (h *hoarder) Tick(w Waiting, silent int64) (Reason, bool) {
	if w == WaitingForRest {
		return h.MessageLate(silent, h.Unfinished()), false
	}
	return StillOpen, false
}

// hoarders is the Host of those.
type hoarders struct {
	echoes
	all []*hoarder
}

func (s *hoarders) Accept(home *Loop, ln *Listener, fd int32, addr netip.Addr, _ int64) (*Conn, backpressure.Refusal) {
	h := new(hoarder)
	h.Init(home, ln, fd, addr, h)
	s.all = append(s.all, h)
	return &h.Conn, backpressure.Accepted
}

// hoardingLoop is a bare loop of hoarders, and what gives it one more.
func hoardingLoop(t *testing.T, change func(*Options)) (l *Loop, one func() (h *hoarder, peer int)) {
	t.Helper()
	o := bareOptions()
	change(&o)
	host := new(hoarders)
	s, err := New(o, host, metrics.NewSet(), zerolog.Nop())
	must(t, err)
	t.Cleanup(func() {
		must(t, s.Stop())
		s.Release()
	})
	l = s.Loop(0)
	return l, func() (*hoarder, int) {
		ours, peer := pair(t)
		host.Accept(l, &Listener{Name: "tcp"}, int32(ours), netip.Addr{}, 0)
		h := host.all[len(host.all)-1]
		s.Adopt(&h.Conn)
		l.Turn()
		return h, peer
	}
}

// hears has the peer send so many bytes that end no message, and the loop read them.
func (h *hoarder) hears(t *testing.T, peer, n int) {
	t.Helper()
	text := make([]byte, n)
	for i := range text {
		text[i] = 'x'
	}
	for len(text) > 0 {
		done, err := unix.Write(peer, text)
		if err != nil && err != unix.EAGAIN {
			t.Fatal(err)
		}
		text = text[max(done, 0):]
		h.loop.Turn()
	}
	for !h.finished && socket.Unread(h.fd) > 0 {
		h.loop.Turn()
	}
}

// R3: the budget of unfinished input takes from who holds most, and never from a newcomer or from who holds little.
func TestInputBudgetTakesFromTheHeaviest(t *testing.T) {
	l, one := hoardingLoop(t, func(o *Options) { o.MaxInputTotalBytes = 1 << 20 })
	small, smallPeer := one()
	small.hears(t, smallPeer, 1000)
	large, largePeer := one()
	large.hears(t, largePeer, 400_000)
	other, otherPeer := one()
	other.hears(t, otherPeer, 200_000)
	newcomer, newPeer := one()
	newcomer.hears(t, newPeer, 200_000) // 512 + 256 KiB are held, and this one needs 256 more beside what is small
	l.Turn()
	if !large.Finished() || large.closed != CloseInputBudget {
		t.Errorf("the largest: finished %v for %v", large.Finished(), large.closed)
	}
	for name, h := range map[string]*hoarder{"small": small, "other": other, "newcomer": newcomer} {
		if h.Finished() {
			t.Errorf("%s was closed for %v", name, h.closed)
		}
	}
	if got := l.loops.InputBytes(); got != 2*(256<<10)+1024 {
		t.Errorf("%d bytes are on the books", got)
	}
}

// R3: a message that began fast and then stands still has min_receive_rate's time within message_timeout, not on the
// average; one that keeps coming may take as long as it likes.
func TestReceiveRateSlides(t *testing.T) {
	l, one := hoardingLoop(t, func(o *Options) { o.MinReceiveRate = 1000 })
	silent, silentPeer := one()
	steady, steadyPeer := one()
	silent.hears(t, silentPeer, 900_000)
	steady.hears(t, steadyPeer, 100)
	for passed := time.Duration(0); passed < 40*time.Second; passed += time.Second {
		_, err := unix.Write(steadyPeer, make([]byte, 1100))
		must(t, err)
		l.read(&steady.Conn) // not a turn, which would read the clock
		l.Advance(time.Second)
		if silent.Finished() && passed < 9*time.Second {
			t.Fatalf("closed after %v", passed)
		}
		if passed > 16*time.Second && !silent.Finished() {
			t.Fatalf("open after %v of silence", passed)
		}
	}
	if silent.closed != CloseMessageTimeout || steady.Finished() {
		t.Errorf("the silent one ended for %v, the steady one: %v for %v", silent.closed, steady.Finished(), steady.closed)
	}
}

// R9: a process that stood still has missed no deadline's worth of its peers' bytes: everybody is excused once.
func TestLateSweepExcuses(t *testing.T) {
	l, one := hoardingLoop(t, func(*Options) {})
	h, peer := one()
	h.hears(t, peer, 10)
	l.Advance(time.Second)
	l.now += int64(12 * time.Second) // nobody turned it
	l.sweep()
	if h.Finished() {
		t.Fatalf("closed for %v", h.closed)
	}
	l.Advance(9 * time.Second)
	if h.Finished() {
		t.Fatalf("closed for %v, though its time began again", h.closed)
	}
	l.Advance(7 * time.Second)
	if !h.Finished() {
		t.Error("the excuse never ends")
	}
}

// R9: what is in the kernel is read before its deadline is judged.
func TestDeadlineReadsFirst(t *testing.T) {
	l, one := hoardingLoop(t, func(*Options) {})
	h, peer := one()
	h.hears(t, peer, 10)
	_, err := unix.Write(peer, []byte("rest\n"))
	must(t, err)
	l.Advance(16 * time.Second)
	if h.Finished() || h.Unfinished() != 0 {
		t.Errorf("finished %v for %v, %d bytes unfinished", h.Finished(), h.closed, h.Unfinished())
	}
}

// T6: a peer that takes bytes is not stalled, however long the kernel has no room for more.
func TestSlowReaderIsNotStalled(t *testing.T) {
	l := bareLoop(t)
	ours, peer := pair(t)
	must(t, unix.SetsockoptInt(ours, unix.SOL_SOCKET, unix.SO_SNDBUF, 256<<10))
	c := l.connection(ours)
	l.loops.Adopt(&c.Conn)
	l.Turn()
	c.Send(make([]byte, 4<<20))
	for range 3 { // nothing is written meanwhile: the loop does not turn
		l.Advance(8 * time.Second)
		for before := socket.Unacknowledged(c.fd); socket.Unacknowledged(c.fd) == before; {
			if _, err := unix.Read(peer, make([]byte, 1500)); err != nil {
				t.Fatal(err)
			}
		}
		if c.Finished() {
			t.Fatal("closed while it takes bytes")
		}
	}
	l.Advance(8 * time.Second) // notices what was taken last
	l.Advance(11 * time.Second)
	if !c.Finished() || c.closed != CloseWriteStalled {
		t.Errorf("finished %v for %v", c.Finished(), c.closed)
	}
}
