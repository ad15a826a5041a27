package reactor

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/gobwas/ws"

	"weir/backpressure"
	"weir/reactor/loop"
	"weir/registry"
)

// draining starts a stop with so much grace and returns its report to come.
func (s *server) draining(grace time.Duration) chan DrainReport {
	s.t.Helper()
	report := make(chan DrainReport, 1)
	s.stopped = true
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), grace)
		defer cancel()
		report <- s.drain(ctx)
	}()
	s.t.Cleanup(func() {
		s.free()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		s.queue.Stop(ctx)
	})
	s.eventually("the drain began", s.queue.Draining)
	return report
}

func (s *server) report(c chan DrainReport) DrainReport {
	s.t.Helper()
	select {
	case r := <-c:
		return r
	case <-time.After(patience):
		s.t.Fatal("the drain never ended")
		return DrainReport{}
	}
}

func TestDrainFinishesWhatIsUnderWay(t *testing.T) {
	s := start(t)
	line, socket, web := s.lineClient(), s.webSocketClient(), s.httpClient()
	clients := []client{line, socket, web}
	for _, c := range clients {
		c.send(c.call(1) + c.call(2))
	}
	for range 6 {
		s.awaitStuck()
	}
	ending := s.draining(patience)
	for _, c := range clients[:2] { // on HTTP the refusal waits for its turn
		c.send(c.call(3))
		answer, err := c.answer()
		must(t, err)
		contains(t, answer, `"id":3,`, `"reason":"draining"`, `"executed":false`)
	}
	s.eventually("nobody gets in", func() bool {
		c, err := net.Dial("tcp", s.Addrs()["tcp"])
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	line.answers() // control is served to the end
	s.free()
	for _, c := range clients {
		for range 2 {
			answer, err := c.answer()
			must(t, err)
			contains(t, answer, `"result"`, "free")
		}
	}
	if code := socket.receivedClose(); code != ws.StatusGoingAway {
		t.Errorf("the WebSocket was closed with %d", code)
	}
	for _, c := range clients {
		c.gone()
	}
	if r := s.report(ending); r != (DrainReport{Connections: 3}) {
		t.Errorf("the report is %+v", r)
	}
	s.closedFor(loop.CloseDrain, "3")
	if s.loops.InputBytes() != 0 || s.loops.OutboxBytes() != 0 || s.limits.Connections() != 0 || s.queue.HeldBytes() != 0 {
		t.Errorf("not given back: %d in, %d out, %d connections, %d bytes queued", s.loops.InputBytes(),
			s.loops.OutboxBytes(), s.limits.Connections(), s.queue.HeldBytes())
	}
}

func TestDrainCountsWhatItCuts(t *testing.T) {
	s := start(t, func(_ *Options, b *backpressure.Options,
		_ *registry.Options) {
		b.MaxExecutingPerConnection = 1
	})
	c := s.httpClient() // of a session, so that the end of the connection does not cancel
	c.send(c.call(1) + c.call(2) + c.call(3))
	s.awaitStuck()
	s.eventually("two wait", func() bool { return s.queue.Waiting() == 2 })
	r := s.report(s.draining(200 * time.Millisecond)) // it does not wait for them: they are free only when it has ended
	if r.Messages != 3 || r.Connections != 1 {
		t.Errorf("the report is %+v", r)
	}
	c.gone()
}

func TestDrainCountsAnswersNobodyReads(t *testing.T) {
	s := start(t)
	s.dial("tcp").narrow().greet().ask(200, 10_000)
	s.eventually("its outbox is full", func() bool { return s.metric("weir_outbox_full_total") != "0" })
	if r := s.report(s.draining(200 * time.Millisecond)); r.OutboxBytes == 0 || r.Connections != 1 {
		t.Errorf("the report is %+v", r)
	}
	if s.loops.OutboxBytes() != 0 {
		t.Errorf("%d bytes are accounted for after the end", s.loops.OutboxBytes())
	}
}

// unstarted is a server that nobody has started, with its queue not running either.
func unstarted(t *testing.T, tuned tune) (*Server, error) {
	t.Helper()
	o, b, r := DefaultOptions(), backpressure.DefaultOptions(), namedOptions()
	o.HTTP, o.TCP = "", "127.0.0.1:0"
	tuned(&o, &b, &r)
	set := metrics.NewSet()
	r.Metrics = set
	reg, err := registry.New(r)
	must(t, err)
	s, err := New(reg, Config{Options: &o, Queue: &b, Metrics: set, Log: silent})
	must(t, err)
	return s, s.Listen()
}

func TestDrainOfAServerThatNeverStarted(t *testing.T) {
	s, err := unstarted(t, func(*Options, *backpressure.Options, *registry.Options) {})
	must(t, err)
	address := s.Addrs()["tcp"]
	ended := make(chan DrainReport, 1)
	go func() { ended <- s.Shutdown(context.Background()) }()
	if r := (&server{t: t}).report(ended); r != (DrainReport{}) {
		t.Errorf("the report is %+v", r)
	}
	if c, err := net.Dial("tcp", address); err == nil {
		c.Close()
		t.Error("the listener is still open")
	}
}

func TestListenErrors(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer taken.Close()
	f := func(name string, change func(*Options), want ...string) {
		t.Run(name, func(t *testing.T) {
			_, err := unstarted(t, func(o *Options, _ *backpressure.Options, _ *registry.Options) { change(o) })
			contains(t, fmt.Sprint(err), want...)
		})
	}
	f("address in use", func(o *Options) { o.TCP = taken.Addr().String() }, "listen for tcp on "+taken.Addr().String(),
		"address already in use")
	f("no such host", func(o *Options) { o.HTTP = "256.0.0.1:0" }, "listen for http on 256.0.0.1:0")
	f("no such folder", func(o *Options) { o.Unix = t.TempDir() + "/none/s" }, "listen for unix on ", "no such file")
}

// The counters that must return to nothing, after connections of every kind have come and gone.
func TestEverythingIsGivenBack(t *testing.T) {
	s := start(t)
	unfinished := []string{"", "\x81\xfe\xff\xff\x00\x00\x00\x00",
		"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"}
	for i := range 60 {
		c := []func() client{s.lineClient, s.webSocketClient, s.httpClient}[i%3]()
		c.send(c.call(1) + c.call(2))
		s.awaitStuck()
		s.awaitStuck()
		c.send(unfinished[i%3] + strings.Repeat(" ", i*1000))
		switch i % 4 {
		case 0:
			c.reset()
		case 1:
			c.closeWrite()
		default:
			c.Close()
		}
	}
	s.free()
	s.eventually("nothing is open", func() bool { return s.Connections() == 0 })
	s.eventually("everything is given back", func() bool {
		return s.loops.InputBytes() == 0 && s.loops.OutboxBytes() == 0 && s.limits.Connections() == 0 &&
			s.queue.HeldBytes() == 0 && s.queue.Waiting() == 0
	})
}
