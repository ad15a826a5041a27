package reactor

import (
	"fmt"
	"testing"

	"weir/backpressure"
	"weir/registry"
)

const pingLine = `{"jsonrpc":"2.0","id":1,"method":"ping"}` + "\n"

// answers checks that the connection is served.
func (p *peer) answers() {
	p.t.Helper()
	p.send(pingLine)
	contains(p.t, p.line(), `"id":1,"result":{}`)
}

func (s *server) refused(reason string) string {
	return s.metric(`weir_refusals_total{reason="` + reason + `"}`)
}

// open dials n line connections that are known to be the server's.
func (s *server) open(n int) []*peer {
	s.t.Helper()
	peers := make([]*peer, n)
	for i := range peers {
		peers[i] = s.dial("tcp")
		peers[i].answers()
	}
	return peers
}

func TestConnectionLimit(t *testing.T) {
	s := start(t, func(_ *Options, b *backpressure.Options, _ *registry.Options) { b.MaxConnections = 200 })
	peers := s.open(200)
	t.Run("tcp", func(t *testing.T) {
		contains(t, s.dial("tcp").rest(), `"id":null`, `-32603`, `"reason":"connection_limit"`, `"executed":false`, "\n")
	})
	f := func(name, request string) {
		t.Run(name, func(t *testing.T) {
			p := s.dial("http")
			p.t = t
			p.send(request)
			r, body := p.response()
			contains(t, body, `"id":null`, `"reason":"connection_limit"`, `"executed":false`)
			if r.StatusCode != 503 || r.Header.Get("Retry-After") == "" || !r.Close {
				t.Errorf("got %s %v", r.Status, r.Header)
			}
			p.gone()
		})
	}
	f("http", postDiscover())
	f("websocket", upgradeRequest)
	if n := s.refused("connection_limit"); n != "3" {
		t.Errorf("%s refusals were counted, want 3", n)
	}
	for _, p := range peers {
		p.answers()
	}
	for _, p := range peers[:50] {
		p.Close()
	}
	s.eventually("the places are free", func() bool { return s.Connections() == 150 && s.limits.Connections() == 150 })
	s.open(50)
}

func TestConnectionLimitPerAddress(t *testing.T) {
	path := t.TempDir() + "/s"
	s := start(t, func(o *Options, b *backpressure.Options, _ *registry.Options) {
		o.Unix, b.MaxConnectionsPerAddress = path, 3
	})
	peers := s.open(3)
	contains(t, s.dial("tcp").rest(), `"reason":"connection_limit_per_address"`)
	for range 5 {
		s.dial("unix").answers() // no address, no limit
	}
	peers[0].Close()
	s.eventually("its place is free", func() bool { return s.Connections() == 7 })
	s.open(1)
}

func TestQueuePressureRefusesConnections(t *testing.T) {
	s := start(t, func(_ *Options, b *backpressure.Options, _ *registry.Options) {
		b.MaxExecutingPerConnection, b.MaxWaiting = 1, 10
	})
	p := s.dial("tcp").greet()
	p.send(toolCall("0", "stuck", `{}`))
	s.awaitStuck()
	for id := range 9 { // above 80 % of ten
		p.send(toolCall(fmt.Sprint(1+id), "stuck", `{}`))
	}
	s.eventually("nine wait", func() bool { return s.queue.Waiting() == 9 })
	contains(t, s.dial("tcp").rest(), `"reason":"queue_pressure"`)
	s.free()
	for range 10 {
		p.line()
	}
	s.open(1)
}

func TestAcceptRateRefusesConnections(t *testing.T) {
	s := start(t, func(_ *Options, b *backpressure.Options, _ *registry.Options) { b.MaxAcceptRate = 1 })
	s.open(1)
	contains(t, s.dial("tcp").rest(), `"reason":"accept_rate"`)
}

// Above max_connection_refusal_rate newcomers wait in the backlog; none is closed without a word.
func TestConnectionRefusalsPerSecond(t *testing.T) {
	s := start(t, func(o *Options, b *backpressure.Options, _ *registry.Options) {
		o.MaxConnectionRefusalRate, b.MaxConnections = 2, 1
	})
	s.open(1)
	for i := range 5 { // of three seconds
		if said := s.dial("tcp").rest(); said == "" {
			t.Errorf("newcomer %d was closed without a word", i)
		}
	}
}
