package reactor

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"weir/backpressure"
	"weir/reactor/loop"
	"weir/registry"
)

// narrow makes the kernel hold little for a client that does not read.
func (p *peer) narrow() *peer {
	p.t.Helper()
	must(p.t, p.Conn.(*net.TCPConn).SetReadBuffer(4096))
	return p
}

// ask writes n echo calls of size bytes each in a goroutine of its own, until that fails or is done.
func (p *peer) ask(n, size int) (asked chan struct{}) {
	asked = make(chan struct{})
	text := strings.Repeat("x", size)
	go func() {
		defer close(asked)
		for id := range n {
			if _, err := io.WriteString(p.Conn, toolCall(fmt.Sprint(1+id), "echo", `{"message":"`+text+`"}`)); err != nil {
				return
			}
		}
	}()
	return asked
}

func TestPeerThatNeverReads(t *testing.T) {
	s := start(t, func(o *Options, _ *backpressure.Options, _ *registry.Options) {
		o.WriteTimeout = 300 * time.Millisecond
	})
	p := s.dial("tcp").narrow().greet()
	asked := p.ask(2000, 10_000)
	other := s.dial("tcp")
	s.eventually("its outbox is full", func() bool { other.answers(); return s.metric("weir_outbox_full_total") != "0" })
	s.eventually("it is closed", func() bool {
		other.answers()
		return s.metric(`weir_connections_closed_total{reason="write_timeout"}`) == "1"
	})
	<-asked
	s.eventually("everything is given back", func() bool {
		return s.loops.OutboxBytes() == 0 && s.loops.InputBytes() == 0 && s.queue.HeldBytes() == 0 && s.queue.Waiting() == 0
	})
}

// roomy makes sure that only the outbox is too small.
func roomy(_ *Options, b *backpressure.Options, _ *registry.Options) {
	b.MaxWaitingBytesPerConnection = 64 << 20
}

// What the peer does not read is not computed either.
func TestFullOutboxStopsCallsAndReading(t *testing.T) {
	s := start(t, roomy)
	p := s.dial("tcp").greet()
	asked := p.ask(600, 10_000)
	s.eventually("its outbox is full", func() bool { return s.metric("weir_outbox_full_total") != "0" })
	s.eventually("what runs has ended", func() bool { return s.queue.Executing(backpressure.Compute) == 0 })
	var bytes int64
	s.eventually("nothing goes on", func() bool {
		reads, waiting := s.metric("weir_reads_total"), s.queue.Waiting()
		bytes = s.loops.OutboxBytes()
		<-time.After(100 * time.Millisecond)
		return s.metric("weir_reads_total") == reads && s.queue.Waiting() == waiting && s.loops.OutboxBytes() == bytes
	})
	if limit := int64(64<<10 + 64*11_000); bytes > limit { // two batches of 32 may have been under way
		t.Errorf("the outbox holds %d bytes, want at most %d", bytes, limit)
	}
	seen := map[string]bool{}
	for range 600 { // and when it is read, nothing is missing
		id, _, _ := strings.Cut(strings.TrimPrefix(p.line(), `{"jsonrpc":"2.0","id":`), ",")
		seen[id] = true
	}
	if len(seen) != 600 {
		t.Errorf("%d different answers, want 600", len(seen))
	}
	<-asked
	s.eventually("everything is given back", func() bool { return s.loops.OutboxBytes() == 0 })
}

func TestSlowHTTPReaderGetsEverythingInOrder(t *testing.T) {
	s := start(t, roomy)
	p := s.dial("http")
	const calls = 500
	go func() {
		for id := range calls {
			if _, err := io.WriteString(p.Conn, modernCall(fmt.Sprint(id), "echo",
				`{"message":"`+strings.Repeat("x", 10_000)+`"}`)); err != nil {
				return
			}
		}
	}()
	s.eventually("its outbox is full", func() bool { return s.metric("weir_outbox_full_total") != "0" })
	for id := range calls {
		r, body := p.response()
		if want := fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"result"`, id); r.StatusCode != 200 ||
			!strings.HasPrefix(body, want) || len(body) < 10_000 {
			t.Fatalf("answer %d is %s %.80s", id, r.Status, body)
		}
	}
	s.eventually("everything is given back", func() bool { return s.loops.OutboxBytes() == 0 })
}

// pileUp has 20 MB of answers wait behind one that does not come.
func (s *server) pileUp() {
	p := s.dial("http")
	p.send(modernCall("0", "stuck", `{}`))
	s.awaitStuck()
	go func() { // the connection ends in the middle of it
		for id := range 400 { // which do not ask for room, as longer ones do
			_, _ = io.WriteString(p.Conn, modernCall(fmt.Sprint(1+id), "echo", `{"message":"`+strings.Repeat("x", 10_000)+`"}`))
		}
	}()
}

// Answers that wait for their turn count like those that wait for the peer.
func TestHeldAnswersCountInTheBudget(t *testing.T) {
	s := start(t, roomy, func(o *Options, _ *backpressure.Options, _ *registry.Options) {
		o.MaxOutboxTotalBytes, o.MaxOutboxBytes = 1<<20, 8<<20
	})
	s.pileUp()
	s.closedFor(loop.CloseOutboxBudget, "1")
	s.eventually("everything is given back", func() bool {
		return s.loops.OutboxBytes() == 0 &&
			s.loops.InputBytes() == 0
	})
}
