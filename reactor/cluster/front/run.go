package front

import (
	"context"
	"time"

	"weir/backpressure"
	"weir/reactor/cluster/queue"
)

// New makes a front end that does nothing yet.
func New(c Config) *Front {
	fr := &Front{config: c, wake: make(chan struct{}, 1)}
	fr.life, fr.end = context.WithCancel(context.Background())
	fr.table.init()
	fr.series.register(c.Metrics, c.Options, fr.Status)
	return fr
}

// Start joins the broker. The error is that it cannot be, however long one waits.
func (fr *Front) Start() (err error) {
	if fr == nil {
		return nil
	}
	c := fr.config.Options.Config(fr.config.Name, false)
	c.Hear, c.Watch = fr.hear, fr.watch
	if fr.queue, err = fr.config.Open(c); err != nil {
		return err
	}
	fr.over.Go(fr.push)
	fr.over.Go(fr.expire)
	return nil
}

// watch hears how the broker does.
func (fr *Front) watch(s queue.State) {
	fr.mu.Lock()
	was := fr.state
	fr.state = s
	switch {
	case s.Up:
		fr.downFrom = 0
	case fr.downFrom == 0:
		fr.downFrom = backpressure.Now()
	}
	fr.mu.Unlock()
	if s.Up && !was.Up {
		fr.config.Log.Info().Msg("the queue to the workers is there")
	} else if !s.Up && (was.Up || was.Why == "") {
		fr.config.Log.Warn().Str("why", s.Why).Msg("the queue to the workers does not answer: calls are refused")
	}
}

// Drain waits until the calls under way are answered, or three quarters of ctx's time are over, and ends the others.
// Nothing is taken in any more.
func (fr *Front) Drain(ctx context.Context) {
	if fr == nil || fr.queue == nil {
		return
	}
	fr.mu.Lock()
	fr.stopping = true
	fr.mu.Unlock()
	if end, has := ctx.Deadline(); has {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(end)/4*3)
		defer cancel()
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for fr.Status().InFlight > 0 && ctx.Err() == nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	fr.failAll(failStopped)
}

// Stop leaves the broker. Nothing of the front end runs any more when it returns.
func (fr *Front) Stop() {
	if fr == nil || fr.queue == nil {
		return
	}
	fr.end()
	fr.over.Wait()
	fr.queue.Close()
	fr.failAll(failStopped)
}
