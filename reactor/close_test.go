package reactor

import (
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"weir/backpressure"
	"weir/backpressure/pressure"
	"weir/reactor/census"
	"weir/reactor/loop"
	"weir/registry"
)

// Every reason to close is reached, and counted under its name.
func TestEveryCloseReason(t *testing.T) {
	with := func(change func(*Options)) tune {
		return func(o *Options, _ *backpressure.Options, _ *registry.Options) { change(o) }
	}
	unchanged := with(func(*Options) {})
	type cause struct {
		tune tune
		make func(*server)
	}
	causes := map[loop.Reason]cause{
		loop.ClosePeer: {unchanged, func(s *server) {
			p := s.dial("tcp")
			p.answers()
			p.closeWrite()
			p.rest()
		}},
		loop.ClosePeerReset: {unchanged, func(s *server) {
			p := s.dial("tcp")
			p.answers()
			p.reset()
		}},
		loop.ClosePeerTruncated: {unchanged, func(s *server) {
			p := s.dial("http")
			p.send("POST /mcp HTT")
			p.closeWrite()
			p.rest()
		}},
		loop.CloseTLS: {unchanged, func(s *server) {
			p := s.dial("tcp")
			p.send(clientHello)
			p.gone()
		}},
		loop.CloseRequested: {unchanged, func(s *server) {
			p := s.dial("http")
			p.send(postDiscover("Connection: close"))
			p.response()
			p.rest()
			p.Close()
		}},
		loop.CloseBadRequest: {unchanged, func(s *server) {
			p := s.dial("http")
			p.send("nonsense\r\n\r\n")
			p.response()
			p.rest()
			p.Close()
		}},
		loop.CloseBadFrame: {unchanged, func(s *server) {
			p := s.websocket()
			p.frame(ws.NewBinaryFrame([]byte("x")))
			p.rest()
			p.Close()
		}},
		loop.CloseMessageTooBig: {with(func(o *Options) { o.Messages.Line.MaxMessageBytes = 1024 }), func(s *server) {
			p := s.dial("tcp")
			p.send(strings.Repeat("x", 2000))
			p.rest()
			p.Close()
		}},
		loop.CloseFirstByte: {with(func(o *Options) { o.FirstByteTimeout = 50 * time.Millisecond }),
			func(s *server) { s.dial("tcp").gone() }},
		loop.CloseMessageTimeout: {with(func(o *Options) { o.MessageTimeout = 100 * time.Millisecond }), func(s *server) {
			p := s.dial("tcp")
			p.send(`{"jsonrpc"`)
			p.gone()
		}},
		loop.CloseIdle: {with(func(o *Options) { o.LineIdleTimeout = 50 * time.Millisecond }), func(s *server) {
			p := s.dial("tcp")
			p.answers()
			p.gone()
		}},
		loop.ClosePingTimeout: {with(func(o *Options) { o.PingInterval = 50 * time.Millisecond }),
			func(s *server) { s.websocket().gone() }},
		loop.CloseWriteStalled: {with(func(o *Options) { o.WriteTimeout = 100 * time.Millisecond }),
			func(s *server) { s.dial("tcp").narrow().greet().ask(2000, 10_000) }},
		loop.CloseUnauthorized: {guarded, func(s *server) {
			p := s.dial("tcp")
			p.send(hello + "\n")
			p.rest()
			p.Close()
		}},
		loop.CloseAuthTimeout: {with(func(o *Options) {
			guarded(o, nil, nil)
			o.Auth.Timeout = 100 * time.Millisecond
		}), func(s *server) { s.dial("tcp").gone() }},
		loop.CloseTokenEnded: {guarded, func(s *server) {
			p := s.dial("tcp")
			p.send(bearing("alice") + "\n")
			p.greet()
			s.ReplaceTokens(tokensFor(s.t))
			p.gone()
		}},
		loop.CloseOutboxBudget: {func(o *Options, b *backpressure.Options, _ *registry.Options) {
			roomy(o, b, nil)
			o.MaxOutboxTotalBytes, o.MaxOutboxBytes = 1<<20, 8<<20
		}, (*server).pileUp},
		loop.CloseInputBudget: {with(func(o *Options) { o.MaxInputTotalBytes = 1 << 20 }), func(s *server) {
			s.dial("tcp").send(strings.Repeat("x", 600<<10))
			s.eventually("the first one's input is kept", func() bool { return s.loops.InputBytes() >= 600<<10 })
			_, _ = s.dial("tcp").Write([]byte(strings.Repeat("x", 600<<10))) // the older of the two has to go
		}},
		loop.ClosePressure: {unchanged, func(s *server) {
			p := s.dial("tcp")
			p.send(strings.Repeat("x", 600<<10))
			s.eventually("its input is kept", func() bool { return s.loops.InputBytes() >= 600<<10 })
			s.SetPressure(pressure.State{Level: pressure.RefuseConnections, Memory: 1})
			p.gone()
		}},
		loop.CloseKicked: {unchanged, func(s *server) {
			p := s.dial("tcp")
			p.answers()
			page, err := s.Census().List(census.Query{Rows: 1})
			must(s.t, err)
			was, err := s.Census().Kick(page.Rows[0].ID)
			if !was || err != nil {
				s.t.Error(was, err)
			}
			p.gone()
		}},
		loop.CloseNodeLost: {unchanged, nil}, // TestOwnerDies
		loop.CloseHandedOver: {unchanged, func(s *server) {
			s.Handover().GiveBack(func(int, []byte) error { return nil })
			p := s.dial("http")
			p.send(post(strings.TrimSpace(toolCall("1", "echo", `{"message":"x"}`)), "Mcp-Session-Id: unknown"))
			p.gone()
		}},
		loop.CloseDrain: {unchanged, func(s *server) {
			p := s.dial("tcp")
			p.answers()
			s.stop(50 * time.Millisecond)
			p.gone()
		}},
		loop.CloseError: {unchanged, nil}, // TestConnectionThatCannotBeWatched
	}
	for reason := loop.StillOpen + 1; reason < loop.Reasons; reason++ {
		t.Run(reason.String(), func(t *testing.T) {
			c, ok := causes[reason]
			if !ok {
				t.Fatal("no test reaches this reason")
			}
			if c.make == nil {
				return
			}
			s := start(t, c.tune)
			c.make(s)
			s.closedFor(reason, "1")
		})
	}
}

// reset ends the connection as a crash does.
func (p *peer) reset() {
	p.t.Helper()
	must(p.t, p.Conn.(interface{ SetLinger(int) error }).SetLinger(0))
	p.Close()
}
