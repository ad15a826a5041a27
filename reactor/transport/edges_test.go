package transport

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"weir/backpressure"
	"weir/codec"
	"weir/reactor/loop"
	"weir/reactor/pipeline"
	"weir/registry/call"
	"weir/registry/engine"
)

// routed is a call as the HTTP transport makes it, routed and registered, standing in the line of c.
func (b *bare) routed(c *pipeline.Conn, body string) *pipeline.Call {
	b.t.Helper()
	k := b.in.NewCall(c)
	k.Header = &engine.Header{ProtocolVersion: []byte("2026-07-28"), Method: []byte("tools/call"), Name: []byte("echo")}
	k.Raw = []byte(body)
	must(b.t, codec.Scan(k.Raw, &k.Env, &b.site.Options.JSON))
	if class := b.pipeline.Engine.Route(&k.Exchange); class == engine.Inline {
		b.t.Fatal("the call was refused")
	}
	if fail := b.pipeline.Engine.Begin(&k.Exchange); fail != nil {
		b.t.Fatal(fail)
	}
	c.AddPending(1)
	c.Transport().Order().Queue(b.in, c, k)
	return k
}

// A worker may finish a call after its connection was closed and before the loop has released the connection. The
// call is given back to the stock then, so it must not stay in the connection's line.
func TestHTTPLineForgetsACallThatEndsAfterTheClose(t *testing.T) {
	b := bareServer(t, false)
	c, _ := b.connect(newHTTP())
	_, body, _ := strings.Cut(modernCall("1", "echo", `{"message":"x"}`), "\r\n\r\n")
	first, second := b.routed(c, body), b.routed(c, body)
	c.Close(loop.ClosePeerReset)
	c.Transport().Answer(c, first, []byte("{}"), nil)
	for k := c.Transport().(*httpTransport).answers.head; k != nil; k = k.Next {
		if k == first {
			t.Fatal("a released call is still in the line")
		}
	}
	if cancelled := c.Transport().Closed(c); cancelled != 1 || !second.Cancelled() {
		t.Errorf("%d calls were cancelled with their connection, want the other one", cancelled)
	}
}

// What such a call had said before its turn came is taken off the books with it.
func TestHTTPForgetsWhatACallSaidThatEndsAfterTheClose(t *testing.T) {
	b := bareServer(t, false)
	c, _ := b.connect(newHTTP())
	_, body, _ := strings.Cut(modernCall("1", "echo", `{"message":"x"}`), "\r\n\r\n")
	b.routed(c, body)
	second := b.routed(c, body)
	second.Takes = pipeline.SSEAhead
	if !c.Transport().Notify(c, second, []byte("{}")) || b.loops.OutboxBytes() == 0 {
		t.Fatal("nothing waits for its turn")
	}
	c.Close(loop.ClosePeerReset)
	c.Transport().Answer(c, second, []byte("{}"), nil)
	c.Transport().Closed(c)
	if held, all := c.HeldLocked(), b.loops.OutboxBytes(); held != 0 || all != 0 {
		t.Errorf("%d bytes are left on the connection's books, %d on the server's", held, all)
	}
}

// What is on its way while we do not read is late by our doing.
func TestPausedConnectionIsNotLateWhenItGoesOn(t *testing.T) {
	b := bareServer(t, false)
	c, peer := b.connect(newLine())
	b.write(peer, `{"jsonrpc":"2.0","id":1,`)
	c.Lock()
	c.PauseLocked(loop.PauseOutbox)
	c.Unlock()
	for range 100 {
		b.in.Advance(sweepInterval)
	}
	c.Lock()
	c.ResumeLocked(loop.PauseOutbox)
	c.Unlock()
	b.in.Advance(time.Millisecond)
	if c.Finished() {
		t.Fatalf("closed for %v as soon as it was read again", c.Reason())
	}
}

// The peer of a long call was waiting for us.
func TestIdleTimeCountsFromTheAnswer(t *testing.T) {
	f := func(name string, speak func() pipeline.Transport, first string, tuned func(*settings)) {
		t.Run(name, func(t *testing.T) {
			b := bareServer(t, false, tuned)
			c, peer := b.connect(speak())
			b.write(peer, first)
			c.AddPending(1)
			for range 1000 { // a call of 250 s
				b.in.Advance(sweepInterval)
			}
			c.AddPending(-1)
			for range 2 {
				b.in.Advance(sweepInterval)
			}
			if c.Finished() {
				t.Fatalf("closed for %v just after a long call", c.Reason())
			}
		})
	}
	f("http", newHTTP, "OPTIONS /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n", func(*settings) {})
	f("line", newLine, "\n", func(s *settings) { s.site.LineIdleTimeout = time.Minute })
	f("websocket", func() pipeline.Transport { return new(wsTransport) }, clientFrame("{}"), func(*settings) {})
}

// A worker that outlives the server must not write into a descriptor that is somebody else's by then.
func TestNothingIsWrittenAfterTheDescriptorsAreClosed(t *testing.T) {
	b := bareServer(t, true)
	c, peer := b.connect(newLine())
	b.write(peer, hello+"\n"+toolCall("1", "sleep", `{"ms":600000}`))
	b.await("the call runs", func() bool { return b.pipeline.Queue.Executing(backpressure.Blocking) == 1 })
	must(t, unix.Shutdown(peer, unix.SHUT_WR))
	b.in.Turn()
	c.Lock()
	if !c.EndingLocked() {
		t.Error("the server did not see the peer's end")
	}
	c.Unlock()
	c.AddPending(1) // a worker that is still at it when everything else is gone
	b.stop()
	var pairs [][2]int
	for range 64 {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		must(t, err)
		pairs = append(pairs, pair)
	}
	c.Lock()
	c.AnsweredLocked(1)
	c.Unlock()
	for _, pair := range pairs {
		for _, fd := range pair {
			var room [16]byte
			if n, _ := unix.Read(fd, room[:]); n > 0 {
				t.Errorf("%d bytes were written into descriptor %d or its peer: %x", n, fd, room[:n])
			}
			_ = unix.Close(fd)
		}
	}
}

// What waits deep in a queue is held without a call; one whose id is taken when its turn comes is answered, and
// forgotten.
func TestHeldMessageWithAnIDInUseIsForgotten(t *testing.T) {
	b := bareServer(t, true)
	c, peer := b.connect(newLine())
	b.write(peer, hello+"\n"+toolCall("1", "sleep", `{"ms":600000}`))
	b.await("the call runs", func() bool { return b.pipeline.Queue.Executing(backpressure.Blocking) == 1 })
	c.AddPending(pipeline.CompactAbove)
	b.write(peer, toolCall("1", "echo", `{"message":"x"}`)+toolCall("2", "echo", `{"message":"y"}`))
	answers := ""
	b.await("both are answered", func() bool {
		answers += b.read(peer)
		return strings.Count(answers, "\n") == 3
	})
	contains(t, answers, `"id":1,"error"`, `"id":2,"result"`)
	if n := c.Compacted(); n != 0 {
		t.Errorf("%d messages are still on the books", n)
	}
}

// A worker may end a stream that was waiting for its turn after the connection was closed and before the loop has
// released it. What the stream held must come off the books then, which are of all connections.
func TestHTTPStreamThatEndsAfterTheCloseIsOffTheBooks(t *testing.T) {
	b := bareServer(t, false)
	c, _ := b.connect(newHTTP())
	_, body, _ := strings.Cut(modernCall("1", "echo", `{"message":"x"}`), "\r\n\r\n")
	_, second := b.routed(c, body), b.routed(c, body)
	second.Takes = pipeline.SSEAhead
	if !c.Transport().Notify(c, second, []byte(`{"jsonrpc":"2.0","method":"x"}`)) || b.loops.OutboxBytes() == 0 {
		t.Fatal("nothing is held")
	}
	c.Close(loop.ClosePeerReset)
	c.Transport().Answer(c, second, []byte("{}"), nil)
	c.Settle()
	if n := b.loops.OutboxBytes(); n != 0 {
		t.Errorf("%d bytes are on the books of a connection that is gone", n)
	}
}

// A compact call that a worker takes while its connection ends never runs. What is in flight is cancelled first, and
// the lane closed after that: nobody would tell a call that comes in flight in between. Here a worker takes it just then:
// its lane is held until the one call in flight is cancelled, and the cancelling waits until a worker has it.
func TestCompactCallOfAConnectionThatEnds(t *testing.T) {
	f := func(name string, text func(string) string, speak func() pipeline.Transport, end func(*bare, *pipeline.Conn, int)) {
		t.Run(name, func(t *testing.T) {
			b := bareServer(t, true)
			c, peer := b.connect(speak())
			b.write(peer, text(hello))
			hold := func(held bool) {
				c.Lock()
				defer c.Unlock()
				c.Throttle(held)
			}
			hold(true)
			first := b.in.NewCall(c)
			first.Raw = []byte(toolCall("1", "sleep", `{"ms":600000}`))
			must(t, codec.Scan(first.Raw, &first.Env, &b.site.Options.JSON))
			b.pipeline.Engine.Route(&first.Exchange)
			if fail := b.pipeline.Engine.Begin(&first.Exchange); fail != nil {
				t.Fatal(fail)
			}
			c.AddPending(pipeline.CompactAbove) // as many calls as there must be before one is compact
			b.write(peer, text(toolCall("2", "sleep", `{"ms":600000}`)))
			if c.Compacted() != 1 {
				t.Fatalf("%d calls are compact, want one", c.Compacted())
			}
			met, done := false, false
			first.Suspend(&call.Suspension{Cancel: func() {
				if met {
					return // it stays in flight
				}
				c.Lock()
				met, done = true, !c.OpenLocked() || c.MutedLocked()
				c.Unlock()
				hold(false)
				b.await("a worker has the compact call", func() bool {
					return b.pipeline.Queue.Executing(backpressure.Blocking) == 1
				})
			}})
			end(b, c, peer)
			if !met || !done {
				t.Fatalf("what is in flight was cancelled: %t, when the connection was done: %t", met, done)
			}
			b.await("the compact call is over", func() bool { return c.Pending() == pipeline.CompactAbove })
		})
	}
	line := func(text string) string { return strings.TrimSuffix(text, "\n") + "\n" }
	websocket := func() pipeline.Transport { return new(wsTransport) }
	reset := func(_ *bare, c *pipeline.Conn, _ int) {
		c.Close(loop.ClosePeerReset)
		c.Settle()
	}
	f("a line", line, newLine, reset)
	f("a WebSocket", clientFrame, websocket, reset)
	f("a close frame", clientFrame, websocket, func(b *bare, _ *pipeline.Conn, peer int) {
		b.write(peer, "\x88\x82\x00\x00\x00\x00\x03\xe8") // 1000, masked with nothing
	})
}
