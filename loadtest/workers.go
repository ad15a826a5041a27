package loadtest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"weir/loadtest/client"
)

// workers is the workers of one run: this process alone, or as many others as the descriptor limit asks for.
type workers struct {
	samples chan Sample // merged: one of each index, in order; closed when all workers have ended
	starts  []func(time.Time)
	stops   []func()

	mu      sync.Mutex
	pending map[int]*merging
	opening map[int]Sample // the last report of each worker before the beginning
	ready   chan struct{}  // closed when every worker has opened its first connections
	waiting int            // workers that have not
	errs    []error
	wg      sync.WaitGroup
}

type merging struct {
	sample Sample
	from   int
}

// workerMessage is one line from a worker process.
type workerMessage struct {
	Sample *Sample `json:",omitempty"`
	Ready  bool    `json:",omitempty"`
	Error  string  `json:",omitempty"`
}

// workerOrder is one line to a worker process: first its job, then the beginning. The end of the input ends the job.
type workerOrder struct {
	Job   *Job  `json:",omitempty"`
	Begin int64 `json:",omitempty"` // Unix nanoseconds
}

// startWorkers starts the jobs: a single one in this process, more of them each in a process started with command.
func startWorkers(ctx context.Context, jobs []Job, command []string) (*workers, error) {
	c := &workers{samples: make(chan Sample, 16), pending: map[int]*merging{}, opening: map[int]Sample{},
		ready:   make(chan struct{}),
		waiting: len(jobs)}
	if len(jobs) == 1 {
		c.startHere(ctx, &jobs[0])
	} else {
		for i := range jobs {
			if err := c.startProcess(ctx, i, len(jobs), &jobs[i], command); err != nil {
				c.stop()
				c.wg.Wait()
				return nil, err
			}
		}
	}
	go func() {
		c.wg.Wait()
		close(c.samples)
	}()
	return c, nil
}

// begin starts the clock of every worker.
func (c *workers) begin(at time.Time) {
	for _, start := range c.starts {
		start(at)
	}
}

// stop has every worker end early; their last samples still come.
func (c *workers) stop() {
	for _, stop := range c.stops {
		stop()
	}
}

// err returns what went wrong with the workers; call it after samples was closed.
func (c *workers) err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return errors.Join(c.errs...)
}

func (c *workers) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.errs = append(c.errs, err)
	}
}

// opened is the sum of the workers' last reports before the beginning.
func (c *workers) opened() Sample {
	c.mu.Lock()
	defer c.mu.Unlock()
	sum := Sample{Index: beforeStart, Counters: client.NewCounters()}
	for _, s := range c.opening {
		sum.merge(&s)
	}
	return sum
}

func (c *workers) oneReady() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting--; c.waiting == 0 {
		close(c.ready)
	}
}

// collect merges a worker's sample with those of the same instant, and passes on what is complete.
func (c *workers) collect(worker, workers int, s Sample) {
	c.mu.Lock()
	if s.Index == beforeStart {
		if before, ok := c.opening[worker]; ok { // histograms hold what is new, and here the whole is wanted
			for i, h := range s.Counters.Histograms() {
				if from := before.Counters.Histograms()[i]; from.TotalCount() > 0 {
					h.Merge(from)
				}
			}
		}
		c.opening[worker] = s
		c.mu.Unlock()
		return
	}
	m := c.pending[s.Index]
	if m == nil {
		m = &merging{sample: s}
		c.pending[s.Index] = m
	} else {
		m.sample.merge(&s)
	}
	complete := false
	if m.from++; m.from == workers {
		delete(c.pending, s.Index)
		complete = true
	}
	merged := m.sample
	c.mu.Unlock()
	if complete {
		c.samples <- merged
	}
}

func (c *workers) startHere(ctx context.Context, job *Job) {
	ctx, cancel := context.WithCancel(ctx)
	started := make(chan time.Time, 1)
	c.starts = append(c.starts, func(at time.Time) { started <- at })
	c.stops = append(c.stops, cancel)
	c.wg.Go(func() {
		defer cancel()
		c.fail(drive(ctx, job, func() (time.Time, error) {
			c.oneReady()
			select {
			case at := <-started:
				return at, nil
			case <-ctx.Done():
				return time.Time{}, ctx.Err()
			}
		}, func(s Sample) { c.collect(0, 1, s) }))
	})
}

// startProcess starts one worker process. It ends when its input does, so it cannot outlive this one.
func (c *workers) startProcess(ctx context.Context, index, workers int, job *Job, command []string) error {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Cancel = func() error { return nil } // closing its input ends it, and then its last sample still comes
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("worker: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("worker: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("worker: %w", err)
	}
	orders := json.NewEncoder(stdin)
	c.stops = append(c.stops, func() { stdin.Close() })
	stop := context.AfterFunc(ctx, func() { stdin.Close() })
	c.starts = append(c.starts, func(at time.Time) {
		if err := orders.Encode(workerOrder{Begin: at.UnixNano()}); err != nil {
			c.fail(fmt.Errorf("worker %d: %w", index, err))
		}
	})
	err = orders.Encode(workerOrder{Job: job})
	c.wg.Go(func() {
		defer stop()
		c.fail(c.listen(index, workers, stdout))
		if err := cmd.Wait(); err != nil {
			c.fail(fmt.Errorf("worker %d: %w", index, err))
		}
	})
	return err
}

// listen reads what a worker process says until it ends.
func (c *workers) listen(index, workers int, r io.Reader) error {
	in := json.NewDecoder(bufio.NewReaderSize(r, 1<<20))
	for {
		var m workerMessage
		err := in.Decode(&m)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			_, _ = io.Copy(io.Discard, r) // it must not block on its output
			return fmt.Errorf("worker %d: %w", index, err)
		case m.Error != "":
			return fmt.Errorf("worker %d: %s", index, m.Error)
		case m.Ready:
			c.oneReady()
		case m.Sample != nil:
			c.collect(index, workers, *m.Sample)
		}
	}
}

// Work is a worker process: it reads its job from in, does it, and reports on out. The end of in ends it early.
func Work(in io.Reader, out io.Writer) error {
	orders := json.NewDecoder(in)
	var first workerOrder
	if err := orders.Decode(&first); err != nil || first.Job == nil {
		return fmt.Errorf("worker: no job: %w", err)
	}
	var mu sync.Mutex
	reports := json.NewEncoder(out)
	say := func(m workerMessage) {
		mu.Lock()
		defer mu.Unlock()
		_ = reports.Encode(m) // whoever does not read any more has closed our input too
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	begin := make(chan time.Time, 1)
	go func() {
		defer cancel()
		for {
			var o workerOrder
			if err := orders.Decode(&o); err != nil {
				return
			}
			begin <- time.Unix(0, o.Begin)
		}
	}()
	err := drive(ctx, first.Job, func() (time.Time, error) {
		say(workerMessage{Ready: true})
		select {
		case at := <-begin:
			return at, nil
		case <-ctx.Done():
			return time.Time{}, ctx.Err()
		}
	}, func(s Sample) { say(workerMessage{Sample: &s}) })
	if err != nil {
		say(workerMessage{Error: err.Error()})
	}
	return nil
}
