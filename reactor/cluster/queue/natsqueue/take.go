package natsqueue

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"weir/reactor/cluster/queue"
)

// pullTime is how long the server remembers that a worker wants jobs. It bounds how long Take goes on after the end of
// its context: what the server has sent by then counts as delivered.
const pullTime = 500 * time.Millisecond

// Take implements queue.Queue. It asks for n jobs and returns the first that come; those of its request that have not
// come yet are the next calls'. So there is never more asked for than the worker had room for.
func (q *Queue) Take(ctx context.Context, n int) ([]queue.Job, error) {
	for {
		if q.pull == nil {
			if err := q.ask(ctx, n); err != nil {
				return nil, err
			}
		}
		var jobs []queue.Job
		m, open := <-q.pull.Messages() // within pullTime
		for open && m != nil {
			if jobs = append(jobs, q.take(m)); len(jobs) == n {
				return jobs, nil
			}
			select {
			case m, open = <-q.pull.Messages():
			default:
				m = nil
			}
		}
		if !open {
			if err := q.pull.Error(); err != nil && len(jobs) == 0 && ctx.Err() == nil {
				q.pull = nil
				q.pulled()
				q.forget()
				continue
			}
			q.pull = nil
			q.pulled()
		}
		if len(jobs) > 0 {
			return jobs, nil
		}
	}
}

// ask begins a request for n jobs.
func (q *Queue) ask(ctx context.Context, n int) error {
	if q.life.Err() != nil {
		return queue.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := q.make(); err != nil {
		return err
	}
	consumer := q.consumer.Load()
	if consumer == nil { // forgotten meanwhile
		return queue.ErrDown
	}
	during, pulled := context.WithTimeout(q.life, pullTime)
	pull, err := (*consumer).Fetch(n, jetstream.FetchContext(during))
	if err != nil {
		pulled()
		q.forget()
		return named(err)
	}
	q.pull, q.pulled = pull, pulled
	return nil
}

func (q *Queue) take(m jetstream.Msg) queue.Job {
	j := queue.Job{Data: m.Data(), Receipt: m}
	if meta, err := m.Metadata(); err == nil {
		j.Again = meta.NumDelivered > 1
	}
	q.mu.Lock()
	q.taken[m] = struct{}{}
	q.mu.Unlock()
	return j
}

// Done implements queue.Queue.
func (q *Queue) Done(jobs []queue.Job) {
	q.mu.Lock()
	for _, j := range jobs {
		delete(q.taken, j.Receipt.(jetstream.Msg))
	}
	q.mu.Unlock()
	for _, j := range jobs {
		_ = j.Receipt.(jetstream.Msg).Ack() // without a server it is another worker's soon, and marked
	}
}

// keepTaken says, three times within Silence, that what was taken is being worked on.
func (q *Queue) keepTaken() {
	tick := time.NewTicker(q.config.Silence / 3)
	defer tick.Stop()
	var all []jetstream.Msg
	for {
		select {
		case <-tick.C:
		case <-q.life.Done():
			return
		}
		all = all[:0]
		q.mu.Lock()
		for m := range q.taken {
			all = append(all, m)
		}
		q.mu.Unlock()
		for _, m := range all {
			_ = m.InProgress()
		}
		clear(all)
	}
}
