package doors

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weir/cmd/needs"
	"weir/reactor/internal/wire"
)

const (
	hello = wire.Hello
	ping  = `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	// changed is what an open stream hears of "change".
	changed = "notifications/tools/list_changed"
)

// TestBalancers: what clients do, through each balancer, as it is deployed, and on a path below a prefix.
func TestBalancers(t *testing.T) {
	t.Parallel()
	for _, b := range balancers {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, nil)
			address := b.before(t, s.http(), 1)
			for _, path := range []string{"/mcp", "/tools/mcp"} {
				c := newClient(t, address)
				c.url = "http://" + address + path
				c.calls()
				c.chunked = b.hasty
				c.streams(s)
			}
			c := newClient(t, address)
			c.large()
			c.cancels(s, b.bare)
			answers, err := talk(address, patience, hello, wire.ToolCall("1", "echo", `{"message":"over a socket"}`))
			if b.bare {
				if err == nil {
					t.Error("WebSocket passes: the page says that it does not")
				}
			} else if err != nil || len(answers) != 2 || textIn(t, answers[1]) != "over a socket" {
				t.Errorf("WebSocket: %v %q", err, answers)
			}
			full := start(t, filled)
			fill(t, full)
			newClient(t, b.before(t, full.http(), 1)).refused()
			c.drains(s)
		})
	}
}

// calls are calls of both eras.
func (c *client) calls() {
	c.t.Helper()
	for range 20 {
		if status, answer := c.call("echo", `{"message":"x"}`); status != 200 || textIn(c.t, answer) != "x" {
			c.t.Errorf("a call: %d %s", status, answer)
		}
	}
	if status, answer := c.call("nothing", "{}"); status != 400 && status != 404 && status != 200 {
		c.t.Errorf("an unknown tool: %d %s", status, answer)
	}
	session := c.session()
	r, err := c.do(c.t.Context(), "POST", wire.ToolCall("1", "echo", `{"message":"y"}`), session...)
	must(c.t, err)
	if got := textIn(c.t, whole(c.t, r)); got != "y" {
		c.t.Errorf("a call in a session: %q", got)
	}
	r, err = c.do(c.t.Context(), "DELETE", "", session...)
	must(c.t, err)
	if r.Body.Close(); r.StatusCode != 204 {
		c.t.Errorf("DELETE: %s", r.Status)
	}
}

// streams are those of calls, of sessions and of listens: each event is here before the next one is made.
func (c *client) streams(s *server) {
	c.t.Helper()
	r, err := c.modern(c.t.Context(), "told", "{}")
	must(c.t, err)
	progress := follow(c.t, r, func() { r.Body.Close() })
	for range 3 {
		wants(c.t, "progress", progress.next(), "notifications/progress")
		select {
		case s.goOn <- struct{}{}:
		case <-time.After(patience):
			c.t.Fatal("the call that tells is gone")
		}
	}
	if answer := progress.next(); textIn(c.t, answer) != "told" || progress.next() != "" || progress.ended != nil {
		c.t.Errorf("the answer behind progress: %s %v", answer, progress.ended)
	}
	of := c.listen(c.session()...)
	if e := of.next(); e != "" { // it begins with an event without data
		c.t.Errorf("a session's stream begins with %s", e)
	}
	listen := c.listen()
	wants(c.t, "listen", listen.next(), "notifications/subscriptions/acknowledged")
	s.change()
	wants(c.t, "a session's stream", of.next(), changed)
	wants(c.t, "a listen", listen.next(), changed)
}

// large is an answer of 20 MB.
func (c *client) large() {
	c.t.Helper()
	if status, answer := c.call("large", `{"bytes":20000000}`); status != 200 || textIn(c.t, answer) != largeText[:20e6] {
		c.t.Errorf("20 MB: %d, %d bytes", status, len(answer))
	}
}

// cancels: a client that goes away cancels its call, whether it takes event streams or not. In HTTP/1.0 only an event
// stream can tell such a client from one that waits for its answer.
func (c *client) cancels(s *server, bare bool) {
	c.t.Helper()
	accepts := []string{"", "application/json"}
	if bare {
		accepts = accepts[:1]
	}
	for _, accept := range accepts {
		c.accept = accept
		ctx, leave := context.WithCancel(context.Background())
		left := make(chan struct{})
		go func() {
			defer close(left)
			if r, err := c.modern(ctx, "stuck", "{}"); err == nil {
				c.t.Errorf("a call that was given up is answered: %s", r.Status)
			}
		}()
		await(c.t, "the call", s.begun)
		leave()
		<-left
		select {
		case <-s.cancelled:
		case <-time.After(patience):
			c.t.Errorf("Accept %q: a client that goes away does not cancel its call", accept)
		}
	}
	c.accept = ""
}

// refused: a server without room says so in its own words.
func (c *client) refused() {
	c.t.Helper()
	r, err := c.modern(c.t.Context(), "echo", `{"message":"x"}`)
	must(c.t, err)
	after, _ := strconv.Atoi(r.Header.Get("Retry-After"))
	if text := whole(c.t, r); r.StatusCode != 503 || after < 1 || !strings.Contains(text, `"reason":"queue_full"`) {
		c.t.Errorf("a full server: %s, Retry-After %d, %s", r.Status, after, text)
	}
}

// drains: a server that stops answers what it has begun, and ends its streams in order.
func (c *client) drains(s *server) {
	c.t.Helper()
	listen := c.listen()
	listen.next()
	answered := make(chan string)
	go func() {
		_, text := c.call("stuck", "{}")
		answered <- text
	}()
	await(c.t, "a call", s.begun)
	stopped := make(chan struct{})
	go func() { s.Shutdown(c.t.Context()); close(stopped) }()
	for e := listen.next(); e != ""; e = listen.next() {
		wants(c.t, "the end of a listen", e, `9`)
	}
	if listen.ended != nil {
		c.t.Errorf("the listen breaks off: %v", listen.ended)
	}
	s.free()
	if got := textIn(c.t, <-answered); got != "free" {
		c.t.Errorf("the last call: %q", got)
	}
	await(c.t, "the stop", stopped)
}

// server starts one behind b with times that are as much shorter as b's.
func (b *balancer) server(t *testing.T, factor time.Duration) *server {
	t.Helper()
	return start(t, func(k *knobs) {
		k.SSEKeepAlive, k.SSEAnswerAfter = k.SSEKeepAlive/factor, k.SSEAnswerAfter/factor
		k.IdleTimeout, k.PingInterval = k.IdleTimeout/factor, k.PingInterval/factor
	})
}

// TestBalancersAndSilence: what says nothing for longer than the balancer waits is held by comments and pings; P1 of the
// field's reports.
func TestBalancersAndSilence(t *testing.T) {
	t.Parallel()
	for _, b := range balancers {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			const factor = 20 // three seconds
			b.silence(t, factor, 90*time.Second/factor)
		})
	}
}

// TestBalancersHoldStreams is TestBalancersAndSilence for three minutes, with nobody's times changed.
func TestBalancersHoldStreams(t *testing.T) {
	needs.Slow(t)
	for _, b := range balancers {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			b.silence(t, 1, 3*time.Minute)
		})
	}
}

func (b *balancer) silence(t *testing.T, factor int, long time.Duration) {
	s := b.server(t, time.Duration(factor))
	address := b.before(t, s.http(), factor)
	c := newClient(t, address)
	c.patience += long
	of, listen := c.listen(c.session()...), c.listen()
	of.next()
	listen.next()
	var all sync.WaitGroup
	sleep := fmt.Sprintf(`{"ms":%d}`, long.Milliseconds())
	all.Go(func() {
		status, text := c.call("sleep", sleep)
		if status != 200 || !strings.Contains(text, `"text":"slept"`) {
			t.Errorf("a silent call: %d %s", status, text)
		}
	})
	all.Go(func() { // who takes no stream is given up by the balancer
		c := newClient(t, address)
		c.patience += long
		c.accept = "application/json"
		if status, text := c.call("sleep", sleep); status != 504 {
			t.Errorf("a silent call without a stream: %d %s", status, text)
		}
	})
	if !b.bare {
		all.Go(func() {
			answers, err := talk(address, patience+long, hello, wire.ToolCall("1", "sleep", sleep), ping)
			if err != nil || len(answers) != 3 {
				t.Errorf("a silent socket: %v %q", err, answers)
			}
		})
	}
	all.Wait()
	s.change()
	wants(t, "a session's stream", of.next(), changed)
	wants(t, "a listen", listen.next(), changed)
}

// TestBalancersKeepAlive: a balancer that keeps connections for less long than the server never sends a request on one
// that the server is just closing (F17 of the field's reports).
//
// It is no parallel test: its clients would take the time from those in which a balancer waits for an answer.
func TestBalancersKeepAlive(t *testing.T) {
	const clients, each = 100, 3
	for _, b := range balancers {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			const factor = 30 // two seconds, and half a one between the balancer and the server
			s := b.server(t, factor)
			address := b.before(t, s.http(), factor)
			var all sync.WaitGroup
			var good, bad atomic.Int64
			for range clients {
				all.Go(func() {
					c := newClient(t, address)
					for range each {
						switch status, text := c.call("echo", `{"message":"x"}`); status {
						case 200:
							good.Add(1)
						case 504: // within the balancer's seconds this machine had none for it
						default:
							bad.Add(1)
							t.Logf("%d %s", status, text)
						}
						time.Sleep(1800*time.Millisecond + rand.N(1000*time.Millisecond))
					}
				})
			}
			all.Wait()
			if n := bad.Load(); n > 0 || good.Load() == 0 {
				t.Errorf("%d of %d calls failed, %d were answered", n, clients*each, good.Load())
			}
		})
	}
}
