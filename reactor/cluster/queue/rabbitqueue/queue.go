package rabbitqueue

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"weir/reactor/cluster/queue"
)

// Queue is a process's place at a RabbitMQ server.
type Queue struct {
	config queue.Config
	url    string
	life   context.Context
	end    context.CancelFunc
	over   sync.WaitGroup
	words  chan word     // on their way out
	unsent atomic.Int64  // bytes of words
	tried  chan struct{} // closed when the first session is there, or could not be made

	pushing sync.Mutex // one batch at a time, so that confirms are those of one

	mu      sync.Mutex
	session *session      // nil: there is none
	changed chan struct{} // closed when the session changes
}

// word is a message to a process, or the end of those before.
type word struct {
	to      string
	message []byte
	last    chan struct{} // closed when those before have left; nil: it is a message
}

// maxWords is how many messages wait to be sent. Without a broker, or with one that is slower, Send says ErrDown.
const maxWords = 1 << 14

// Open joins the RabbitMQ server at url, amqp://[user:password@]host:port[/vhost]. It waits up to the deadline until it
// is there, and goes on without. The error is that the url cannot be read.
func Open(url string, c queue.Config) (*Queue, error) {
	if _, err := amqp.ParseURI(url); err != nil {
		return nil, err
	}
	q := &Queue{config: c, url: url, words: make(chan word, maxWords), tried: make(chan struct{}),
		changed: make(chan struct{})}
	q.life, q.end = context.WithCancel(context.Background())
	q.over.Go(q.run)
	patience := time.NewTimer(c.Deadline)
	defer patience.Stop()
	select {
	case <-q.tried:
	case <-patience.C:
	}
	return q, nil
}

// rest is how long it is waited after a session could not be made.
const rest = 100 * time.Millisecond

// run makes sessions, one after the other.
func (q *Queue) run() {
	tried := sync.OnceFunc(func() { close(q.tried) })
	for q.life.Err() == nil {
		s, err := q.dial()
		if err != nil {
			q.tell(down(err))
			tried()
			timer := time.NewTimer(rest)
			select {
			case <-timer.C:
			case <-q.life.Done():
			}
			timer.Stop()
			continue
		}
		q.set(s)
		tried()
		q.serve(s)
		q.set(nil)
		s.end()
		q.tell(queue.State{Why: "the connection to RabbitMQ has ended"})
	}
}

// set makes s the session that there is.
func (q *Queue) set(s *session) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.session = s
	close(q.changed)
	q.changed = make(chan struct{})
}

// current is the session that there is, or nil, and a channel that is closed when that changes.
func (q *Queue) current() (*session, chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.session, q.changed
}

func (q *Queue) tell(s queue.State) {
	if q.config.Watch != nil && q.life.Err() == nil {
		q.config.Watch(s)
	}
}

// serve hears and says words, and looks at the queue, until the session is over.
func (q *Queue) serve(s *session) {
	var speaking sync.WaitGroup
	ended, end := context.WithCancel(q.life)
	defer speaking.Wait()
	defer end()
	speaking.Go(func() { q.speak(ended, s) })
	speaking.Go(func() {
		for range s.lost { // closed with the channel
			if q.config.Unheard != nil && q.life.Err() == nil {
				q.config.Unheard(1)
			}
		}
	})
	defer s.end() // before the two are waited for
	tick := time.NewTicker(min(time.Second, max(q.config.Silence/4, 10*time.Millisecond)))
	defer tick.Stop()
	q.looked(s)
	for {
		select {
		case d, open := <-s.heard:
			if !open {
				return
			}
			if d.Exchange == "" || q.config.Works {
				q.config.Hear(d.Body)
			}
		case <-tick.C:
			if !q.looked(s) {
				return
			}
		case <-s.over:
			return
		case <-q.life.Done():
			return
		}
	}
}

// looked tells the state, and says whether the broker has answered.
func (q *Queue) looked(s *session) bool {
	late := time.AfterFunc(q.config.Deadline, s.end)
	defer late.Stop()
	is, err := s.look.QueueDeclarePassive(q.jobsName(), true, false, false, false, nil)
	if err != nil {
		return false
	}
	q.tell(queue.State{Up: true, Messages: is.Messages})
	return true
}

// speak sends words.
func (q *Queue) speak(ended context.Context, s *session) {
	for {
		select {
		case w := <-q.words:
			if w.last != nil {
				close(w.last)
				continue
			}
			exchange, key, must := "", q.wordsTo(w.to), true
			if w.to == queue.Workers {
				exchange, key, must = q.allName(), "", false
			}
			err := s.words.PublishWithContext(ended, exchange, key, must, false, amqp.Publishing{Body: w.message})
			q.unsent.Add(-int64(len(w.message)))
			if err != nil {
				return // the session is over; what the word was about ends with its deadline
			}
		case <-ended.Done():
			return
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
	s, changed := q.current()
	if s == nil || q.unsent.Load() == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(q.life, q.config.Deadline)
	defer cancel()
	last := make(chan struct{})
	select {
	case q.words <- word{last: last}:
	case <-changed:
		return
	case <-ctx.Done():
		return
	}
	select {
	case <-last:
	case <-changed:
	case <-ctx.Done():
	}
}

// Push implements queue.Queue.
func (q *Queue) Push(jobs [][]byte) []error {
	if q.life.Err() != nil {
		return queue.All(len(jobs), queue.ErrClosed)
	}
	s, _ := q.current()
	if s == nil {
		return queue.All(len(jobs), queue.ErrDown)
	}
	q.pushing.Lock()
	defer q.pushing.Unlock()
	ctx, cancel := context.WithTimeout(q.life, q.config.Deadline)
	defer cancel()
	var errs []error
	fail := func(i int, err error) {
		if errs == nil {
			errs = make([]error, len(jobs))
		}
		errs[i] = err
	}
	confirms := make([]*amqp.DeferredConfirmation, len(jobs))
	for i, job := range jobs {
		var err error
		confirms[i], err = s.jobs.PublishWithDeferredConfirmWithContext(ctx, "", q.jobsName(), false, false,
			amqp.Publishing{DeliveryMode: amqp.Transient, Body: job})
		if err != nil {
			confirms[i] = nil
			fail(i, queue.ErrDown)
		}
	}
	for i, confirm := range confirms {
		if confirm == nil {
			continue
		}
		switch confirmed, err := confirm.WaitContext(ctx); {
		case err != nil, !confirmed && s.isOver():
			fail(i, queue.ErrDown)
		case !confirmed:
			fail(i, queue.ErrFull)
		}
	}
	return errs
}

// Take implements queue.Queue.
func (q *Queue) Take(ctx context.Context, n int) ([]queue.Job, error) {
	s, _ := q.current()
	switch {
	case q.life.Err() != nil:
		return nil, queue.ErrClosed
	case s == nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case s == nil:
		return nil, queue.ErrDown
	}
	var first amqp.Delivery
	open := true
	select {
	case first, open = <-s.given:
	case <-ctx.Done():
		if err := s.taken.Cancel(consumer, false); err != nil {
			return nil, errors.Join(ctx.Err(), err)
		}
		// What was given before is served; then the channel is closed.
		if first, open = <-s.given; !open {
			return nil, ctx.Err()
		}
	case <-q.life.Done():
		return nil, queue.ErrClosed
	}
	if !open {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, queue.ErrDown
	}
	jobs := []queue.Job{jobOf(first)}
	for len(jobs) < n {
		select {
		case d, open := <-s.given:
			if !open {
				return jobs, nil
			}
			jobs = append(jobs, jobOf(d))
		default:
			return jobs, nil
		}
	}
	return jobs, nil
}

func jobOf(d amqp.Delivery) queue.Job {
	return queue.Job{Data: d.Body, Again: d.Redelivered, Receipt: d}
}

// Done implements queue.Queue.
func (q *Queue) Done(jobs []queue.Job) {
	q.flush()
	for _, j := range jobs {
		_ = j.Receipt.(amqp.Delivery).Ack(false) // of a session that is over they are another worker's, and marked
	}
}

// Close implements queue.Queue.
func (q *Queue) Close() {
	if q.life.Err() != nil {
		return
	}
	q.flush()
	q.end()
	if s, _ := q.current(); s != nil {
		s.end() // also one that waits for an answer
	}
	q.over.Wait()
}
