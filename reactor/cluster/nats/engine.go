package nats

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
	client "github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"weir/reactor/cluster"
)

// Opener returns what joins a node to the others.
func Opener(o Options, set *metrics.Set, log zerolog.Logger) cluster.Open {
	return func(name string, handler cluster.Handler) (cluster.Engine, error) {
		e := &engine{name: name, o: o, handler: handler, out: newOutbox(o.MaxOutgoingBytes),
			trouble: newTrouble(log), opened: make(chan struct{}), closed: make(chan struct{})}
		e.register(set)
		if err := e.open(); err != nil {
			e.end()
			return nil, err
		}
		close(e.opened)
		return e, nil
	}
}

// engine is a node's end of NATS.
type engine struct {
	name    string
	o       Options
	handler cluster.Handler
	out     *outbox
	trouble *trouble
	metrics engineMetrics

	embedded *embedded // nil with servers that exist
	conn     *client.Conn
	own, all *client.Subscription

	once     sync.Once
	stop     context.CancelFunc // of write and of the names' lookups
	running  sync.WaitGroup
	handlers sync.WaitGroup // the subscriptions that are open
	opened   chan struct{}  // closed when open has done its work
	closed   chan struct{}  // closed when the connection is
}

// open connects. After an error, end undoes what was done.
func (e *engine) open() error {
	secrets, err := e.o.Secrets()
	if err != nil {
		return fmt.Errorf("cluster.secret_file: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	e.stop = stop
	if e.o.Engine == "" {
		if e.embedded, err = startEmbedded(&e.o, e.name, secrets, e.trouble); err != nil {
			return err
		}
		e.running.Go(func() { e.embedded.follow(ctx, &e.o, e.trouble) })
	}
	if err := e.connect(secrets); err != nil {
		return err
	}
	if err := e.subscribe(); err != nil {
		return err
	}
	e.running.Go(func() { e.write(ctx) })
	return nil
}

// connect makes the connection to the server.
func (e *engine) connect(secrets []string) error {
	options := []client.Option{
		client.Name("weir " + e.name),
		client.NoEcho(),
		client.MaxReconnects(-1),
		client.ReconnectWait(200 * time.Millisecond),
		client.PingInterval(pingInterval),
		client.MaxPingsOutstanding(pingsOut),
		client.ReconnectBufSize(-1), // what cannot leave waits in the outbox, which is bounded
		client.ClosedHandler(func(*client.Conn) { close(e.closed) }),
		client.DisconnectErrHandler(func(_ *client.Conn, err error) {
			if err != nil {
				e.trouble.note("NATS", err.Error())
			}
		}),
		client.ReconnectErrHandler(func(_ *client.Conn, err error) { e.trouble.note("NATS", err.Error()) }),
		client.ErrorHandler(func(_ *client.Conn, _ *client.Subscription, err error) { e.trouble.note("NATS", err.Error()) }),
	}
	url := e.o.Engine
	switch {
	case e.embedded != nil:
		url = ""
		options = append(options, client.InProcessServer(e.embedded.server), client.Token(e.embedded.token))
	case len(secrets) > 0:
		if user, password, both := strings.Cut(secrets[0], ":"); both {
			options = append(options, client.UserInfo(user, password))
		} else {
			options = append(options, client.Token(secrets[0]))
		}
	}
	if e.embedded == nil {
		options = append(options, client.RetryOnFailedConnect(true), client.IgnoreAuthErrorAbort())
	}
	conn, err := client.Connect(url, options...)
	if err != nil {
		return fmt.Errorf("cluster: NATS: %w", err)
	}
	e.conn = conn
	return nil
}

// subscribe begins to receive.
func (e *engine) subscribe() error {
	var err error
	prefix := toNode + e.name + "."
	own, all := e.newReceiver(), e.newReceiver()
	e.own, err = e.conn.Subscribe(prefix+">", func(m *client.Msg) {
		if rest := m.Subject[len(prefix):]; rest != "m" {
			e.hearNobody(strings.TrimPrefix(rest, "n."))
			return
		}
		own.receive(m.Data)
	})
	if err == nil {
		e.all, err = e.conn.Subscribe(toAll, func(m *client.Msg) { all.receive(m.Data) })
	}
	for _, sub := range []*client.Subscription{e.own, e.all} {
		if err == nil {
			e.handlers.Add(1)
			sub.SetClosedHandler(func(string) { e.handlers.Done() })
			err = sub.SetPendingLimits(-1, e.o.MaxIncomingBytes)
		}
	}
	if err != nil {
		return fmt.Errorf("cluster: NATS: %w", err)
	}
	return nil
}

// Send implements cluster.Engine.
func (e *engine) Send(to string, kind cluster.Kind, id uint64, data []byte) error {
	if to == e.name || !cluster.IsName(to) {
		return cluster.ErrNoNode
	}
	return e.put(to, kind, id, data)
}

// Publish implements cluster.Engine.
func (e *engine) Publish(kind cluster.Kind, id uint64, data []byte) error {
	return e.put("", kind, id, data)
}

func (e *engine) put(to string, kind cluster.Kind, id uint64, data []byte) error {
	if len(data) > e.o.MaxMessageBytes {
		return cluster.ErrTooLarge
	}
	return e.out.add(to, &head{kind: kind, id: id, from: e.name, total: len(data)}, data)
}

// write has what waits leave, until ctx ends.
func (e *engine) write(ctx context.Context) {
	w := writer{e: e, subjects: map[string]string{}}
	for {
		select {
		case <-e.out.filled:
		case <-ctx.Done():
			return
		}
		taken := e.out.take()
		for rest := taken; len(rest) > 0; {
			var to, message []byte
			to, message, rest = next(rest)
			w.message(to, message)
		}
		e.out.done(taken)
	}
}

// Health implements cluster.Engine.
func (e *engine) Health() cluster.Health {
	h := cluster.Health{Engine: "nats", Connected: e.conn.IsConnected(), Waiting: int64(e.out.waiting())}
	if e.embedded != nil {
		h.Address, h.Links = e.embedded.address, e.embedded.links()
	} else if h.Connected {
		h.Links = []string{e.conn.ConnectedUrlRedacted()}
	}
	h.LastError, h.Refused = e.trouble.last()
	return h
}

// Close implements cluster.Engine.
func (e *engine) Close(ctx context.Context) error {
	e.out.close(ctx)
	var err error
	if left := e.out.waiting(); left > 0 {
		err = fmt.Errorf("cluster: %d bytes for other nodes have not left in time", left)
	} else if flushed := e.conn.FlushWithContext(withDeadline(ctx)); flushed != nil && e.conn.IsConnected() {
		err = fmt.Errorf("cluster: NATS: %w", flushed)
	}
	e.end()
	return err
}

// withDeadline is ctx, which must have a deadline for NATS.
func withDeadline(ctx context.Context) context.Context {
	if _, has := ctx.Deadline(); has {
		return ctx
	}
	bounded, cancel := context.WithTimeout(ctx, time.Second)
	context.AfterFunc(bounded, cancel)
	return bounded
}

// end stops everything that was started, and waits for it.
func (e *engine) end() {
	e.once.Do(func() {
		if e.stop != nil {
			e.stop()
		}
		if e.conn != nil {
			e.endSubscriptions()
			e.conn.Close()
			<-e.closed
		}
		e.running.Wait()
		if e.embedded != nil {
			e.embedded.close()
		}
	})
}

// endSubscriptions waits until no handler runs.
func (e *engine) endSubscriptions() {
	for _, sub := range []*client.Subscription{e.own, e.all} {
		if sub == nil {
			continue
		}
		if err := sub.Unsubscribe(); err != nil && !errors.Is(err, client.ErrConnectionClosed) {
			e.trouble.note("NATS", err.Error())
		}
	}
	e.handlers.Wait()
}
