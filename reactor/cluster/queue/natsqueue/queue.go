package natsqueue

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"weir/reactor/cluster/queue"
)

// Queue is a process's place at a NATS server.
type Queue struct {
	config queue.Config
	url    string
	nc     *nats.Conn
	js     jetstream.JetStream
	life   context.Context
	end    context.CancelFunc
	over   sync.WaitGroup

	stream   atomic.Pointer[jetstream.Stream]
	consumer atomic.Pointer[jetstream.Consumer]
	making   sync.Mutex // held while stream and consumer are made

	// Take's: what was asked for and has not come, or nil, and what ends that.
	pull   jetstream.MessageBatch
	pulled context.CancelFunc

	mu    sync.Mutex
	taken map[jetstream.Msg]struct{} // and not done
}

// Open joins the NATS servers at url, nats://host:port with commas between several. It does not wait for them. The
// error is that the options cannot be right. more are options for the connection, such as credentials.
func Open(url string, c queue.Config, more ...nats.Option) (*Queue, error) {
	options := append([]nats.Option{
		nats.Name("weir " + c.Name), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1),
		nats.ReconnectWait(100 * time.Millisecond), nats.ReconnectJitter(50*time.Millisecond, 50*time.Millisecond),
		nats.Timeout(c.Deadline), nats.PingInterval(max(c.Silence/2, 10*time.Millisecond)), nats.MaxPingsOutstanding(2),
		nats.FlusherTimeout(c.Deadline), // else a server that does not read holds up everybody for a minute
		nats.ReconnectBufSize(-1), nats.NoCallbacksAfterClientClose(),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), // what it tells is seen by who is concerned
	}, more...)
	nc, err := nats.Connect(url, options...)
	if err != nil {
		return nil, err
	}
	q := &Queue{config: c, url: url, nc: nc, taken: map[jetstream.Msg]struct{}{}}
	q.life, q.end = context.WithCancel(context.Background())
	if q.js, err = jetstream.New(nc, jetstream.WithPublishAsyncTimeout(c.Deadline)); err == nil {
		err = q.listen()
	}
	if err != nil {
		q.Close()
		return nil, err
	}
	q.over.Go(q.watch)
	if c.Works {
		q.over.Go(q.keepTaken)
	}
	return q, nil
}

func (q *Queue) jobs() string               { return q.config.Prefix + ".jobs" }
func (q *Queue) addressOf(to string) string { return q.config.Prefix + ".words." + to }
func (q *Queue) unheard() string            { return q.config.Prefix + ".unheard." + q.config.Name }

// listen hears what is said to this process, to all workers, and what of its own nobody heard.
func (q *Queue) listen() error {
	words := make(chan *nats.Msg, maxWords)
	subjects := []string{q.addressOf(q.config.Name), q.unheard()}
	if q.config.Works {
		subjects = append(subjects, q.addressOf(queue.Workers))
	}
	for _, subject := range subjects {
		if _, err := q.nc.ChanSubscribe(subject, words); err != nil {
			return err
		}
	}
	q.over.Go(func() {
		for {
			select {
			case m := <-words:
				q.heard(m)
			case <-q.life.Done():
				return
			}
		}
	})
	return nil
}

// maxWords is how many messages to this process wait to be heard. More are dropped: what they were about ends with its
// deadline.
const maxWords = 1 << 16

func (q *Queue) heard(m *nats.Msg) {
	if m.Subject != q.unheard() {
		q.config.Hear(m.Data)
		return
	}
	if q.config.Unheard != nil {
		q.config.Unheard(1)
	}
}

// Send implements queue.Queue.
func (q *Queue) Send(to string, message []byte) error {
	m := &nats.Msg{Subject: q.addressOf(to), Data: message}
	if to != queue.Workers {
		m.Reply = q.unheard() // where the server says that nobody listens
	}
	return named(q.nc.PublishMsg(m))
}

// named makes an error of the client one of the queue's.
func named(err error) error {
	var api *jetstream.APIError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &api) && api.ErrorCode == fullCode:
		return queue.ErrFull
	case errors.Is(err, nats.ErrMaxPayload):
		return queue.ErrTooLarge
	}
	return queue.ErrDown
}

// fullCode is what JetStream answers when a stream is full that discards what is new (JSStreamStoreFailedF).
const fullCode = 10077

// make finds the stream, and the consumer of workers, or makes them. It does nothing while they are there.
func (q *Queue) make() error {
	q.making.Lock()
	defer q.making.Unlock()
	if q.stream.Load() != nil && (q.consumer.Load() != nil || !q.config.Works) {
		return nil
	}
	if !q.nc.IsConnected() {
		return queue.ErrDown
	}
	ctx, cancel := context.WithTimeout(q.life, q.config.Deadline)
	defer cancel()
	c := &q.config
	s, err := q.js.Stream(ctx, c.Prefix+"-jobs")
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		s, err = q.js.CreateStream(ctx, jetstream.StreamConfig{Name: c.Prefix + "-jobs", Subjects: []string{q.jobs()},
			Retention: jetstream.WorkQueuePolicy, Discard: jetstream.DiscardNew, MaxMsgs: int64(c.MaxMessages),
			MaxBytes: int64(c.MaxBytes), MaxAge: c.MaxAge, Storage: jetstream.MemoryStorage, Replicas: 1})
	}
	if err != nil {
		return named(err)
	}
	q.stream.Store(&s)
	if !c.Works {
		return nil
	}
	consumer, err := s.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{Durable: "workers",
		AckPolicy: jetstream.AckExplicitPolicy, AckWait: c.Silence, MaxAckPending: -1, MemoryStorage: true})
	if err != nil {
		return named(err)
	}
	q.consumer.Store(&consumer)
	return nil
}

// forget has the stream and the consumer be looked for again.
func (q *Queue) forget() {
	q.stream.Store(nil)
	q.consumer.Store(nil)
}

// Push implements queue.Queue.
func (q *Queue) Push(jobs [][]byte) []error {
	if q.life.Err() != nil {
		return queue.All(len(jobs), queue.ErrClosed)
	}
	if !q.nc.IsConnected() || q.make() != nil {
		return queue.All(len(jobs), queue.ErrDown)
	}
	var errs []error
	fail := func(i int, err error) {
		if errs == nil {
			errs = make([]error, len(jobs))
		}
		errs[i] = named(err)
	}
	acks := make([]jetstream.PubAckFuture, len(jobs))
	for i, data := range jobs {
		var err error
		if acks[i], err = q.js.PublishAsync(q.jobs(), data); err != nil {
			fail(i, err)
		}
	}
	for i, ack := range acks {
		if ack == nil {
			continue
		}
		select { // its client gives up at the deadline
		case <-ack.Ok():
		case err := <-ack.Err():
			fail(i, err)
			if errs[i] == queue.ErrDown {
				q.forget()
			}
		}
	}
	return errs
}

// Close implements queue.Queue.
func (q *Queue) Close() {
	if q.life.Err() != nil {
		return
	}
	q.end()
	q.nc.Close()
	q.over.Wait()
}

// watch tells the state, about once a second and when the connection has changed.
func (q *Queue) watch() {
	changed := q.nc.StatusChanged()
	tick := time.NewTicker(watchEvery(&q.config))
	defer tick.Stop()
	for {
		if s := q.state(); q.config.Watch != nil && q.life.Err() == nil {
			q.config.Watch(s)
		}
		select {
		case <-tick.C:
		case <-changed:
		case <-q.life.Done():
			return
		}
	}
}

// watchEvery is how often the state is told, sooner where jobs are short-lived.
func watchEvery(c *queue.Config) time.Duration {
	return min(time.Second, max(c.Silence/4, 10*time.Millisecond))
}

func (q *Queue) state() queue.State {
	if !q.nc.IsConnected() {
		why := "no NATS server at " + q.url
		if err := q.nc.LastError(); err != nil {
			why += ": " + err.Error()
		}
		return queue.State{Why: why}
	}
	if err := q.make(); err != nil {
		return queue.State{Why: "JetStream has no stream for calls: is it enabled at the server?"}
	}
	s := q.stream.Load()
	if s == nil {
		return queue.State{Why: "the stream of calls is gone"}
	}
	ctx, cancel := context.WithTimeout(q.life, q.config.Deadline)
	defer cancel()
	info, err := (*s).Info(ctx)
	if err != nil {
		q.forget()
		return queue.State{Why: "JetStream does not answer: " + err.Error()}
	}
	return queue.State{Up: true, Messages: int(info.State.Msgs), Bytes: int(info.State.Bytes)}
}
