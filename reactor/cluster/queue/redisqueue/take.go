package redisqueue

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"weir/reactor/cluster/queue"
)

// block is how long the server keeps a request for jobs. It bounds how long Take goes on after the end of its context.
const block = 500 * time.Millisecond

// Take implements queue.Queue.
func (q *Queue) Take(ctx context.Context, n int) ([]queue.Job, error) {
	for {
		if q.life.Err() != nil {
			return nil, queue.ErrClosed
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		jobs, err := q.take(n)
		if len(jobs) > 0 || err != nil {
			return jobs, err
		}
	}
}

// take returns the jobs of workers that are gone, else new ones, else nothing.
func (q *Queue) take(n int) ([]queue.Job, error) {
	ctx, cancel := context.WithTimeout(q.life, q.config.Deadline+block)
	defer cancel()
	if err := q.group(ctx); err != nil {
		return nil, q.down(err)
	}
	if now := time.Now(); now.Sub(q.claimed) > q.config.Silence/4 {
		q.claimed = now
		found, _, err := q.client.XAutoClaim(ctx, &redis.XAutoClaimArgs{Stream: q.keys()[0], Group: "workers",
			Consumer: q.config.Name, MinIdle: q.config.Silence, Start: "0", Count: int64(n)}).Result()
		if err != nil {
			return nil, q.down(err)
		}
		if len(found) > 0 {
			return q.keep(found, true), nil
		}
	}
	came, err := q.client.XReadGroup(ctx, &redis.XReadGroupArgs{Streams: []string{q.keys()[0], ">"}, Group: "workers",
		Consumer: q.config.Name, Count: int64(n), Block: min(block, q.config.Silence/4)}).Result()
	switch {
	case errors.Is(err, redis.Nil):
		return nil, nil
	case err != nil:
		return nil, q.down(err)
	}
	return q.keep(came[0].Messages, false), nil
}

// down makes err the queue's, and forgets what a server that has restarted does not know any more.
func (q *Queue) down(err error) error {
	if strings.HasPrefix(err.Error(), "NOGROUP") {
		q.grouped.Store(false)
	}
	return queue.ErrDown
}

func (q *Queue) keep(found []redis.XMessage, again bool) []queue.Job {
	jobs := make([]queue.Job, 0, len(found))
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, m := range found {
		data, _ := m.Values["j"].(string)
		q.taken[m.ID] = len(data)
		jobs = append(jobs, queue.Job{Data: []byte(data), Again: again, Receipt: m.ID})
	}
	return jobs
}

// Done implements queue.Queue.
func (q *Queue) Done(jobs []queue.Job) {
	if len(jobs) == 0 {
		return
	}
	q.flush()
	args := make([]any, 0, 2*len(jobs))
	q.mu.Lock()
	for _, j := range jobs {
		id := j.Receipt.(string)
		args = append(args, id, q.taken[id])
		delete(q.taken, id)
	}
	q.mu.Unlock()
	ctx, cancel := q.within()
	defer cancel()
	_ = doing.Run(ctx, q.client, q.keys(), args...).Err() // without a server they are another worker's soon, and marked
}

// keepTaken says, three times within Silence, that what was taken is being worked on.
func (q *Queue) keepTaken() {
	for q.rest(q.config.Silence / 3) {
		args := []any{q.config.Name}
		q.mu.Lock()
		for id := range q.taken {
			args = append(args, id)
		}
		q.mu.Unlock()
		if len(args) == 1 {
			continue
		}
		ctx, cancel := q.within()
		_ = keeping.Run(ctx, q.client, q.keys(), args...).Err()
		cancel()
	}
}

// isTimeout says whether nothing has come in time.
func isTimeout(err error) bool {
	var slow net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &slow) && slow.Timeout()
}
