package redisqueue

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"weir/reactor/cluster/queue"
)

// silent is the log of the library, whose lines would stand between those of the server: State.Why says the same.
type silent struct{}

// Printf implements the logger of the library.
func (silent) Printf(context.Context, string, ...any) {}

// Queue is a process's place at a Redis server.
type Queue struct {
	config queue.Config
	client *redis.Client
	life   context.Context
	end    context.CancelFunc
	over   sync.WaitGroup

	said    *redis.PubSub
	hears   atomic.Bool   // what is said to this process
	heard   chan struct{} // closed when it does first
	grouped atomic.Bool   // the group of workers is there
	words   chan word     // on their way out
	unsent  atomic.Int64  // bytes of words
	claimed time.Time     // when Take looked last for jobs of workers that are gone

	mu    sync.Mutex
	taken map[string]int // ids of what is not done, and the bytes of their jobs
}

// word is a message to a process, or the end of those before.
type word struct {
	to      string
	message []byte
	last    chan struct{} // closed when those before have left; nil: it is a message
}

// maxWords is how many messages wait to be sent. Without a server, or with one that is slower, Send says ErrDown.
const maxWords = 1 << 14

// Open joins the Redis server at url, redis://[user:password@]host:port/db. It waits up to the deadline until the server
// is there, and goes on without. The error is that the url cannot be read.
func Open(url string, c queue.Config) (*Queue, error) {
	redis.SetLogger(silent{})
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	options.ClientName = "weir-" + c.Name
	options.MaxRetries, options.DialerRetries = -1, 1 // who waits knows better whether to come again
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = c.Deadline, c.Deadline, c.Deadline
	options.ContextTimeoutEnabled = true // or a request that may block has ten seconds more
	options.Protocol = 2
	options.DisableIdentity = true
	q := &Queue{config: c, client: redis.NewClient(options), taken: map[string]int{}, heard: make(chan struct{}),
		words: make(chan word, maxWords)}
	q.life, q.end = context.WithCancel(context.Background())
	channels := []string{q.channel(c.Name)}
	if c.Works {
		channels = append(channels, q.channel(queue.Workers))
	}
	q.said = q.client.Subscribe(q.life, channels...)
	q.over.Go(func() { q.listen(len(channels)) })
	q.over.Go(q.speak)
	q.over.Go(q.watch)
	if c.Works {
		q.over.Go(q.keepTaken)
	}
	patience := time.NewTimer(c.Deadline)
	defer patience.Stop()
	select {
	case <-q.heard:
	case <-patience.C:
	}
	return q, nil
}

func (q *Queue) keys() []string {
	return []string{"{" + q.config.Prefix + "}:jobs", "{" + q.config.Prefix + "}:bytes"}
}
func (q *Queue) channel(to string) string { return q.config.Prefix + ":words:" + to }

// within is a context for one question.
func (q *Queue) within() (context.Context, context.CancelFunc) {
	return context.WithTimeout(q.life, q.config.Deadline)
}

// again is how long it is waited after a failure.
const again = 50 * time.Millisecond

// rest waits a little, and says whether to go on.
func (q *Queue) rest(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-q.life.Done():
		return false
	}
}

// listen hears what is published to this process, in so many channels. The client subscribes again by itself.
func (q *Queue) listen(channels int) {
	first := sync.OnceFunc(func() { close(q.heard) })
	confirmed := 0
	for q.life.Err() == nil {
		came, err := q.said.ReceiveTimeout(q.life, q.config.Silence)
		switch came := came.(type) {
		case *redis.Subscription:
			if confirmed++; confirmed >= channels {
				q.hears.Store(true)
				first()
			}
			continue
		case *redis.Message:
			q.config.Hear([]byte(came.Payload))
			continue
		}
		if err == nil || isTimeout(err) && q.said.Ping(q.life) == nil {
			continue
		}
		confirmed = 0
		q.hears.Store(false)
		q.rest(again)
	}
}

// speak publishes what this process sends, as much at once as there is.
func (q *Queue) speak() {
	for {
		select {
		case w := <-q.words:
			q.publish(w)
		case <-q.life.Done():
			return
		}
	}
}

// wordsAtOnce bounds a pipeline.
const wordsAtOnce = 128

func (q *Queue) publish(w word) {
	pipe, bytes := q.client.Pipeline(), 0
	ctx, cancel := q.within()
	defer cancel()
	toOne := map[*redis.IntCmd]bool{}
	for n := 1; w.last == nil; n++ {
		bytes += len(w.message)
		toOne[pipe.Publish(ctx, q.channel(w.to), w.message)] = w.to != queue.Workers
		if n == wordsAtOnce || len(q.words) == 0 {
			break
		}
		w = <-q.words
	}
	_, err := pipe.Exec(ctx)
	q.unsent.Add(-int64(bytes))
	if w.last != nil {
		close(w.last)
	}
	if err != nil {
		return // what they were about ends with its deadline
	}
	for published, counts := range toOne {
		if counts && published.Val() == 0 && q.config.Unheard != nil {
			q.config.Unheard(1)
		}
	}
}

// Send implements queue.Queue.
func (q *Queue) Send(to string, message []byte) error {
	if q.life.Err() != nil {
		return queue.ErrClosed
	}
	bytes := int64(len(message))
	if q.unsent.Add(bytes) <= int64(q.config.MaxUnsentBytes) {
		select {
		case q.words <- word{to: to, message: append([]byte(nil), message...)}:
			return nil
		default:
		}
	}
	q.unsent.Add(-bytes)
	return queue.ErrDown
}

// flush waits, up to the deadline, until what was sent before has left.
func (q *Queue) flush() {
	if q.unsent.Load() == 0 {
		return
	}
	ctx, cancel := q.within()
	defer cancel()
	last := make(chan struct{})
	select {
	case q.words <- word{last: last}:
	case <-ctx.Done():
		return
	}
	select {
	case <-last:
	case <-ctx.Done():
	}
}

// group makes the consumer group, unless it is there.
func (q *Queue) group(ctx context.Context) error {
	if q.grouped.Load() {
		return nil
	}
	err := q.client.XGroupCreateMkStream(ctx, q.keys()[0], "workers", "0").Err()
	if err != nil && !strings.HasPrefix(err.Error(), "BUSYGROUP") {
		return err
	}
	q.grouped.Store(true)
	return nil
}

// Push implements queue.Queue.
func (q *Queue) Push(jobs [][]byte) []error {
	ctx, cancel := q.within()
	defer cancel()
	if q.life.Err() != nil {
		return queue.All(len(jobs), queue.ErrClosed)
	}
	if !q.hears.Load() { // the answers would be lost
		return queue.All(len(jobs), queue.ErrDown)
	}
	args := make([]any, 0, len(jobs)+2)
	args = append(args, q.config.MaxMessages, q.config.MaxBytes)
	for _, job := range jobs {
		args = append(args, job)
	}
	added, err := pushing.Run(ctx, q.client, q.keys(), args...).Int64Slice()
	if err != nil || len(added) != len(jobs) {
		return queue.All(len(jobs), queue.ErrDown)
	}
	var errs []error
	for i, in := range added {
		if in == 0 {
			if errs == nil {
				errs = make([]error, len(jobs))
			}
			errs[i] = queue.ErrFull
		}
	}
	return errs
}

// Close implements queue.Queue.
func (q *Queue) Close() {
	if q.life.Err() != nil {
		return
	}
	q.flush()
	q.end()
	_ = q.said.Close()
	_ = q.client.Close() // which ends what waits for an answer
	q.over.Wait()
}

// watch tells the state, about once a second.
func (q *Queue) watch() {
	for every := min(time.Second, max(q.config.Silence/4, 10*time.Millisecond)); ; {
		if s := q.state(); q.config.Watch != nil && q.life.Err() == nil {
			q.config.Watch(s)
		}
		if !q.rest(every) {
			return
		}
	}
}

func (q *Queue) state() queue.State {
	ctx, cancel := q.within()
	defer cancel()
	counts, err := looking.Run(ctx, q.client, q.keys(), q.config.MaxAge.Milliseconds()).Int64Slice()
	switch {
	case err != nil:
		return queue.State{Why: "Redis does not answer: " + err.Error()}
	case !q.hears.Load():
		return queue.State{Why: "Redis has not confirmed the subscription yet"}
	}
	return queue.State{Up: true, Messages: int(counts[0]), Bytes: int(counts[1])}
}
