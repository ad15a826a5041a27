package work

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/rs/zerolog"

	"weir/reactor/cluster/parcel"
	"weir/reactor/cluster/queue"
	"weir/reactor/loop"
	"weir/reactor/pipeline"
	"weir/registry/engine"
)

// Config is what a worker needs.
type Config struct {
	Name     string // of this process
	Open     func(queue.Config) (queue.Queue, error)
	Options  *queue.Options // checked
	Loops    *loop.Loops
	Pipeline *pipeline.Pipeline
	// PerConnection is how many calls of a connection may be with workers at once.
	PerConnection int
	Metrics       *metrics.Set
	Log           zerolog.Logger
}

// Worker serves a queue. Its life: New, Start, Drain, Stop; any but New may be left out. The methods of a nil Worker do
// nothing.
type Worker struct {
	config Config
	engine *engine.Engine
	queue  queue.Queue
	desks  []*desk
	last   int // of desks, that was given calls last; who takes knows

	taking    context.Context // until Drain
	stopTakes context.CancelFunc
	taken     sync.WaitGroup // who takes
	life      context.Context
	end       context.CancelFunc
	over      sync.WaitGroup
	wake      chan struct{} // has one when there is something to say
	room      chan struct{} // has one when the broker has forgotten calls that have ended
	up        atomic.Bool
	watched   atomic.Bool // the queue has said how it does
	series    series

	mu        sync.Mutex
	jobs      map[*engine.Conversation]*job
	byID      map[key]*job
	cancelled recalls
	out       map[string][][]byte // what is to be said, by whom to
	outBytes  int
	done      []queue.Job // to be forgotten once that is said
	undone    int         // that have ended, and are not forgotten yet
}

// key names a call among those of all front ends.
type key struct {
	node string
	id   uint64
}

// job is a call that was taken. Its conversation is its own: nobody else's cancellation or answer meets it.
type job struct {
	conv engine.Conversation
	key
	call parcel.Call
	of   queue.Job
}

// New makes a worker that does nothing yet.
func New(c Config) *Worker {
	w := &Worker{config: c, engine: c.Pipeline.Engine, wake: make(chan struct{}, 1), room: make(chan struct{}, 1),
		jobs: map[*engine.Conversation]*job{}, byID: map[key]*job{}, out: map[string][][]byte{}}
	w.taking, w.stopTakes = context.WithCancel(context.Background())
	w.life, w.end = context.WithCancel(context.Background())
	w.register(c.Metrics)
	return w
}

// Start joins the broker and begins to take. The loops turn. The error is that it cannot be, however long one waits.
func (w *Worker) Start() (err error) {
	if w == nil {
		return nil
	}
	for range (w.config.Options.Credit + w.config.PerConnection - 1) / w.config.PerConnection {
		d, err := w.newDesk()
		if err != nil {
			w.closeDesks()
			return err
		}
		w.desks = append(w.desks, d)
	}
	c := w.config.Options.Config(w.config.Name, true)
	c.Hear, c.Watch, c.Unheard = w.hear, w.watch, func(n int) { w.series.unheard.Add(n) }
	if w.queue, err = w.config.Open(c); err != nil {
		w.closeDesks()
		return err
	}
	w.taken.Go(w.take)
	w.over.Go(w.say)
	return nil
}

func (w *Worker) watch(s queue.State) {
	was, first := w.up.Swap(s.Up), !w.watched.Swap(true)
	if s.Up && !was {
		w.config.Log.Info().Msg("the queue of the front ends is there")
	} else if !s.Up && (was || first) {
		w.config.Log.Warn().Str("why", s.Why).Msg("the queue of the front ends does not answer: no calls are taken")
	}
}

// restTime is how long it is waited when the broker has failed.
const restTime = 50 * time.Millisecond

// take takes as many calls as there is room for, again and again.
func (w *Worker) take() {
	for {
		free := w.free()
		if free <= 0 {
			select {
			case <-w.room:
			case <-w.taking.Done(): // without room nothing is on its way here
				return
			}
			continue
		}
		jobs, err := w.queue.Take(w.taking, min(free, w.config.Options.Batch))
		if len(jobs) > 0 {
			w.begin(jobs)
			continue
		}
		switch {
		case err == nil:
		case w.taking.Err() != nil, errors.Is(err, queue.ErrClosed):
			return
		default:
			time.Sleep(restTime)
		}
	}
}

// InFlight is how many calls the worker has taken and not ended.
func (w *Worker) InFlight() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.jobs)
}

// free is how many calls more the worker may have: those that have ended count until the broker has forgotten them, and
// so does what is to be said of them.
func (w *Worker) free() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.config.Options.Credit - len(w.jobs) - w.undone
}

// begin judges what was taken, and gives what is to be run to a desk.
func (w *Worker) begin(taken []queue.Job) {
	w.series.batches.Inc()
	var run []*job
	for _, t := range taken {
		w.series.taken.Inc()
		j := &job{of: t}
		var err error
		j.call, err = parcel.ReadCall(t.Data)
		j.key = key{j.call.Node, j.call.ID}
		switch {
		case errors.Is(err, parcel.ErrVersion):
			w.fail(j, parcel.OtherVersion)
		case err != nil:
			w.series.dropped[dropBroken].Inc()
			w.finish(j, nil)
		case t.Again:
			w.giveAgain(j)
		case !w.offers(j):
			w.fail(j, parcel.ToolsDiffer)
		case w.enter(j):
			run = append(run, j)
		}
	}
	for len(run) > 0 { // spread: a desk runs so many at once
		w.last = (w.last + 1) % len(w.desks)
		n := min(len(run), w.config.PerConnection)
		w.desks[w.last].serve(run[:n:n])
		run = run[n:]
	}
}

// giveAgain puts a job that another worker may have begun into the queue once more, marked, if it may be begun twice;
// else it fails. A call that has ended two workers does not end a third.
func (w *Worker) giveAgain(j *job) {
	w.series.again.Inc()
	if j.call.Idempotent && !j.call.Again {
		j.call.Again = true
		if w.queue.Push([][]byte{j.call.Append(nil)}) == nil {
			w.finish(j, nil)
			return
		}
	}
	w.fail(j, parcel.WorkerLost)
}

// enter notes a job as under way, unless its client has taken it back.
func (w *Worker) enter(j *job) bool {
	if !w.engine.Resemble(&j.conv, j.call.Principal, []byte(j.call.Revision), capabilities(j), level(j)) {
		w.fail(j, parcel.OtherVersion)
		return false
	}
	w.mu.Lock()
	recalled := w.cancelled.has(j.key)
	if !recalled {
		w.jobs[&j.conv], w.byID[j.key] = j, j
	}
	w.mu.Unlock()
	if recalled {
		w.finish(j, nil)
	}
	return !recalled
}

// Drain takes no more, and waits until what was taken has ended, or three quarters of ctx's time are over.
func (w *Worker) Drain(ctx context.Context) {
	if w == nil || w.queue == nil {
		return
	}
	w.stopTakes()
	w.taken.Wait() // a second at most
	if end, has := ctx.Deadline(); has {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(end)/4*3)
		defer cancel()
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for w.InFlight() > 0 && ctx.Err() == nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// Stop ends what is still under way by name, says what there is to say, and leaves the broker. The loops still turn.
func (w *Worker) Stop() {
	if w == nil || w.queue == nil {
		return
	}
	w.mu.Lock()
	var left []*job
	for _, j := range w.jobs {
		left = append(left, j)
	}
	w.mu.Unlock()
	for _, j := range left {
		j.conv.CancelAll()
		if w.leave(&j.conv) != nil {
			w.fail(j, parcel.Stopped)
		}
	}
	w.end()
	w.over.Wait()
	w.taken.Wait()
	w.queue.Close()
	w.closeDesks()
}
