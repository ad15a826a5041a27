package transport

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"weir/reactor/pipeline"
)

// refuser is a connection whose queue is full; once sends it one more call, as the loop sees it, and takes the refusal
// off its hands.
func refuser(t testing.TB, name string, size int) (once func()) {
	t.Helper()
	b := bareServer(t, false, func(s *settings) { s.queue.MaxWaitingPerConnection = 1 })
	pad := strings.Repeat("x", size)
	var c *pipeline.Conn
	var peer int
	var frame []byte
	switch name {
	case "line":
		c, peer = b.connect(newLine())
		b.write(peer, hello+"\n"+toolCall("1", "echo", `{"message":""}`))
		frame = []byte(toolCall("2", "echo", `{"message":"`+pad+`"}`))
	case "websocket":
		c, peer = b.connect(new(wsTransport))
		b.write(peer, clientFrame(hello)+clientFrame(strings.TrimSpace(toolCall("1", "echo", `{"message":""}`))))
		frame = []byte(clientFrame(strings.TrimSpace(toolCall("2", "echo", `{"message":"`+pad+`"}`))))
	case "http":
		c, peer = b.connect(newHTTP())
		b.write(peer, modernCall("1", "echo", `{"message":""}`))
		// The call that waits is first in line; without it the refusals can leave, and the queue is as full.
		c.SetTransport(newHTTP(), pipeline.KindHTTP)
		c.AddPending(-1)
		frame = []byte(modernCall("2", "echo", `{"message":"`+pad+`"}`))
	}
	b.read(peer)
	input, answers := make([]byte, 0, len(frame)+16), make([]byte, 64<<10)
	refused := func() {
		input = append(input[:0], frame...) // decoders write to what they read
		if used := c.Transport().Decode(b.in, c, input); used != len(frame) {
			t.Fatalf("%d of %d bytes were used", used, len(frame))
		}
		b.in.Flush(c)
	}
	refused()
	contains(t, b.read(peer), `"id":2,`, `"reason":"connection_queue_full"`, `"executed":false`)
	return func() {
		refused()
		if n, err := unix.Read(peer, answers); n < 100 || err != nil {
			t.Fatalf("%d bytes of an answer: %v", n, err)
		}
	}
}

// OVERLOAD: a refusal costs two allocations at most, and none of its costs grow with the message.
func TestRefusalAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("allocations are not counted under the race detector")
	}
	for _, name := range []string{"line", "websocket", "http"} {
		for _, size := range []int{10, 100_000} {
			t.Run(fmt.Sprintf("%s %d", name, size), func(t *testing.T) {
				once := refuser(t, name, size)
				if n := testing.AllocsPerRun(200, once); n > 2 {
					t.Errorf("a refusal makes %.1f allocations", n)
				} else {
					t.Logf("%.1f allocations", n)
				}
			})
		}
	}
}

func benchmarkRefusal(b *testing.B, name string) {
	for _, size := range []int{10, 100_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			once := refuser(b, name, size)
			b.ReportAllocs()
			for b.Loop() {
				once()
			}
		})
	}
}

func BenchmarkRefusalLine(b *testing.B)      { benchmarkRefusal(b, "line") }
func BenchmarkRefusalWebSocket(b *testing.B) { benchmarkRefusal(b, "websocket") }
func BenchmarkRefusalHTTP(b *testing.B)      { benchmarkRefusal(b, "http") }

// What a turn takes in which a loop looks at its connections, of which 18,000 are idle: the others wait for it. A peer
// has one end of a socket pair, and all the connections have descriptors of the other. It takes 23 us; all
// of them in one turn took 180 (AMD EPYC, 2 cores).
func BenchmarkSweep(b *testing.B) {
	const connections = 18_000
	s := bareServer(b, false, func(s *settings) {
		s.queue.MaxConnections, s.loops.FirstByteTimeout = connections, 0
	})
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	must(b, err)
	defer func() { must(b, errors.Join(unix.Close(pair[0]), unix.Close(pair[1]))) }()
	for range connections {
		fd, err := unix.FcntlInt(uintptr(pair[0]), unix.F_DUPFD_CLOEXEC, 0)
		must(b, err)
		s.adopt(newLine(), fd)
	}
	s.in.Turn()
	if n := s.loops.Connections(); n != connections {
		b.Fatalf("%d connections are open", n)
	}
	longest := time.Duration(0)
	for b.Loop() {
		began := time.Now()
		s.in.Advance(sweepInterval / (connections / 1000)) // about a part
		longest = max(longest, time.Since(began))
	}
	b.ReportMetric(float64(longest.Microseconds()), "longest-us")
}
