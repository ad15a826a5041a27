package nats

import (
	"syscall"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	client "github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"weir/codec/option"
	"weir/reactor/cluster"
)

// echo answers each message of its kind and tells of each answer.
type echo struct {
	*engine
	opened chan struct{}
	came   chan struct{}
}

const answer = kind + 1

func (e *echo) Receive(from string, k cluster.Kind, id uint64, data []byte) {
	<-e.opened
	if k == kind {
		e.Send(from, answer, id, data)
		return
	}
	e.came <- struct{}{}
}

func (e *echo) Nobody(string, cluster.Kind, uint64) { e.came <- struct{}{} }

func newEcho(b *testing.B, name, secret string, peers ...*echo) *echo {
	var o Options
	option.SetDefaults(&o)
	o.Listen, o.SecretFile = "127.0.0.1:0", secret
	for _, other := range peers {
		o.Peers = append(o.Peers, other.embedded.address)
	}
	e := &echo{opened: make(chan struct{}), came: make(chan struct{}, 1024)}
	opened, err := Opener(o, metrics.NewSet(), zerolog.Nop())(name, e)
	if err != nil {
		b.Fatal(err)
	}
	e.engine = opened.(*engine)
	close(e.opened)
	b.Cleanup(func() { e.Close(b.Context()) })
	return e
}

// pair are two nodes that reach each other.
func pair(b *testing.B, secret string) (one, other *echo) {
	one = newEcho(b, "a", secret)
	other = newEcho(b, "c", secret, one)
	for other.embedded.server.NumRoutes() == 0 || one.embedded.server.NumSubscriptions() < 4 {
		time.Sleep(time.Millisecond)
	}
	return one, other
}

const benchBytes = 256

// BenchmarkRoundTrip is a message of 256 bytes to another node and its answer: ours, ours with TLS, and NATS's own
// request and reply on the same two servers. cpu-us/op is of both nodes together.
func BenchmarkRoundTrip(b *testing.B) {
	run := func(b *testing.B, one func()) {
		before := cpu()
		b.ReportAllocs()
		for b.Loop() {
			one()
		}
		b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-us/op")
	}
	data := make([]byte, benchBytes)
	ours := func(b *testing.B, secret string) {
		one, _ := pair(b, secret)
		run(b, func() {
			if err := one.Send("c", kind, 1, data); err != nil {
				b.Fatal(err)
			}
			<-one.came
		})
	}
	b.Run("engine", func(b *testing.B) { ours(b, "") })
	b.Run("engine-TLS", func(b *testing.B) { ours(b, secretFile(b, secretA)) })
	b.Run("engine-32-at-once", func(b *testing.B) {
		one, _ := pair(b, "")
		for range 31 {
			one.Send("c", kind, 1, data)
		}
		run(b, func() {
			if err := one.Send("c", kind, 1, data); err != nil {
				b.Fatal(err)
			}
			<-one.came
		})
	})
	b.Run("nats.go-request", func(b *testing.B) {
		one, other := pair(b, "")
		sub, err := other.conn.Subscribe("bench", func(m *client.Msg) { m.Respond(m.Data) })
		if err != nil {
			b.Fatal(err)
		}
		defer sub.Unsubscribe()
		for one.embedded.server.NumSubscriptions() < 5 {
			time.Sleep(time.Millisecond)
		}
		run(b, func() {
			if _, err := one.conn.Request("bench", data, time.Second); err != nil {
				b.Fatal(err)
			}
		})
	})
}

// BenchmarkSend is what a sender pays on its own goroutine.
func BenchmarkSend(b *testing.B) {
	o := newOutbox(1 << 30)
	h, data := head{from: "a", kind: kind}, make([]byte, benchBytes)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		h := h
		h.total = benchBytes
		if err := o.add("c", &h, data); err != nil {
			b.Fatal(err)
		}
		if i%64 == 63 {
			o.done(o.take())
		}
	}
}

func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
