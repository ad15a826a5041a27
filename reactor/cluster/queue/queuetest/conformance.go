package queuetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weir/reactor/cluster/queue"
)

// Opener opens a process's place at the broker under test; cut severs its link, and mends it. What is opened is closed
// by who opened it.
type Opener func(t *testing.T, c queue.Config) (q queue.Queue, cut func(bool))

// patience bounds every wait: long enough for a loaded machine.
const patience = 20 * time.Second

// deadline is that of the queues under test.
const deadline = 2 * time.Second

// Conformance is what every engine must hold.
func Conformance(t *testing.T, open Opener) {
	for name, test := range map[string]func(*world){
		"Full": testFull, "FullBytes": testFullBytes, "WorkerGone": testWorkerGone, "Words": testWords,
		"BrokerAway": testBrokerAway, "Age": testAge, "Credit": testCredit, "Leaves": testLeaves,
		"LastWords": testLastWords,
	} {
		t.Run(name, func(t *testing.T) {
			test(&world{T: t, open: open, prefix: fmt.Sprintf("t%d%s", time.Now().UnixNano(), name)})
		})
	}
}

// world is a test's broker, apart from those of other tests by a prefix.
type world struct {
	*testing.T
	open   Opener
	prefix string
	change func(*queue.Config)
}

// place is one process of a test.
type place struct {
	queue.Queue
	w       *world
	cut     func(bool)
	heard   chan string
	unheard atomic.Int64
	mu      sync.Mutex
	state   queue.State
}

func (w *world) join(name string, works bool) *place {
	w.Helper()
	p := &place{w: w, heard: make(chan string, 1024)}
	c := queue.Config{Name: name, Prefix: w.prefix, Works: works, Credit: 300, MaxMessages: 1000, MaxBytes: 1 << 20,
		MaxUnsentBytes: 1 << 20,
		MaxAge:         time.Minute, Silence: time.Second, Deadline: deadline,
		Hear: func(message []byte) { p.heard <- string(message) }, Unheard: func(n int) { p.unheard.Add(int64(n)) },
		Watch: func(s queue.State) {
			p.mu.Lock()
			p.state = s
			p.mu.Unlock()
		}}
	if w.change != nil {
		w.change(&c)
	}
	p.Queue, p.cut = w.open(w.T, c)
	w.Cleanup(p.Close)
	return p
}

func (p *place) now() queue.State {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}

// take takes n jobs.
func (p *place) take(n int) (jobs []queue.Job) {
	p.w.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for len(jobs) < n {
		came, err := p.Take(ctx, n-len(jobs))
		if err != nil {
			p.w.Fatalf("%d of %d jobs taken: %v", len(jobs), n, err)
		}
		jobs = append(jobs, came...)
	}
	if len(jobs) != n {
		p.w.Fatalf("%d jobs taken, at most %d were asked for", len(jobs), n)
	}
	return jobs
}

func (w *world) eventually(what string, f func() bool) {
	w.Helper()
	for end := time.Now().Add(patience); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			w.Fatalf("not in %v: %s", patience, what)
		}
	}
}

// jobs are n jobs with numbers.
func jobs(from, n int) (all [][]byte) {
	for i := range n {
		all = append(all, fmt.Appendf(nil, "job %d", from+i))
	}
	return all
}

// pushed pushes in batches and counts how each ended.
func (p *place) pushed(all [][]byte) (taken, full int) {
	p.w.Helper()
	for batch := range slices.Chunk(all, 50) {
		began := time.Now()
		errs := p.Push(batch)
		if took := time.Since(began); took > deadline+time.Second {
			p.w.Errorf("a push lasted %v", took)
		}
		taken += len(batch)
		for i, err := range errs {
			switch {
			case err == nil:
			case errors.Is(err, queue.ErrFull):
				taken--
				full++
			default:
				p.w.Fatalf("%s: %v", batch[i], err)
			}
		}
	}
	return taken, full
}

func (p *place) push(all [][]byte) {
	p.w.Helper()
	if taken, full := p.pushed(all); full > 0 {
		p.w.Fatalf("%d taken, %d refused", taken, full)
	}
}

// testFull: the message after the last allowed one is refused at once, by name, and what was done makes room.
func testFull(w *world) {
	w.change = func(c *queue.Config) { c.MaxMessages = 100 }
	f := w.join("front", false)
	if taken, full := f.pushed(jobs(0, 150)); taken != 100 || full != 50 {
		w.Fatalf("%d taken, %d refused; want 100 and 50", taken, full)
	}
	worker := w.join("worker", true)
	worker.Done(worker.take(40))
	w.eventually("what was done makes room", func() bool {
		taken, _ := f.pushed(jobs(150, 1))
		return taken == 1
	})
}

// testFullBytes is testFull for bytes.
func testFullBytes(w *world) {
	w.change = func(c *queue.Config) { c.MaxBytes = 64 << 10 }
	f := w.join("front", false)
	var taken, full int
	for range 20 {
		errs := f.Push([][]byte{bytes.Repeat([]byte("x"), 8<<10)})
		switch {
		case errs == nil:
			taken++
		case errors.Is(errs[0], queue.ErrFull):
			full++
		default:
			w.Fatal(errs[0])
		}
	}
	// A broker may count what it writes beside a message.
	if taken < 6 || taken > 8 || full != 20-taken {
		w.Fatalf("%d taken, %d refused", taken, full)
	}
}

// testWorkerGone: what a worker took and had not done when it vanished is another's, and marked; what was done is not.
func testWorkerGone(w *world) {
	f := w.join("front", false)
	f.push(jobs(0, 30))
	w.change = func(c *queue.Config) { c.Credit = 20 }
	first := w.join("first", true)
	w.change = nil
	taken := first.take(20)
	first.Done(taken[:5])
	w.eventually("what was done is forgotten", func() bool {
		n := f.now().Messages
		return n == 25 || n == 5 // the broker leaves out what is taken, and has given five more for the five
	})
	first.cut(true)
	left := map[string]bool{}
	for i := range 30 {
		left[fmt.Sprintf("job %d", i)] = true
	}
	again := map[string]bool{}
	for i, j := range taken {
		if i < 5 {
			delete(left, string(j.Data))
		} else {
			again[string(j.Data)] = true
		}
	}
	second, given := w.join("second", true), 0
	for _, j := range second.take(25) {
		name := string(j.Data)
		if j.Again && !again[name] {
			given++ // to the first, within its credit
		}
		if !left[name] || again[name] && !j.Again {
			w.Errorf("%s: left %t, again %t", name, left[name], j.Again)
		}
		delete(left, name)
		second.Done([]queue.Job{j})
	}
	if given > 5 {
		w.Errorf("%d jobs count as begun that nobody took", given)
	}
	w.eventually("nothing is left", func() bool { return second.now().Messages == 0 })
}

// testWords: what is sent reaches the process of that name, and all who work; what nobody hears is counted.
func testWords(w *world) {
	f1, f2 := w.join("f1", false), w.join("f2", false)
	w1, w2 := w.join("w1", true), w.join("w2", true)
	hears := func(p *place, want string) {
		w.Helper()
		select {
		case got := <-p.heard:
			if got != want {
				w.Fatalf("heard %q, want %q", got, want)
			}
		case <-time.After(patience):
			w.Fatalf("nobody says %q", want)
		}
	}
	send := func(from *place, to, message string) {
		w.Helper()
		if err := from.Send(to, []byte(message)); err != nil {
			w.Fatal(err)
		}
	}
	for i := range 100 {
		send(w1, "f1", fmt.Sprint("to f1: ", i))
		send(w2, "f2", fmt.Sprint("to f2: ", i))
	}
	for i := range 100 {
		hears(f1, fmt.Sprint("to f1: ", i))
		hears(f2, fmt.Sprint("to f2: ", i))
	}
	send(f1, queue.Workers, "to all")
	hears(w1, "to all")
	hears(w2, "to all")
	send(w1, "nobody", "lost")
	w.eventually("it is known that nobody hears", func() bool { return w1.unheard.Load() == 1 })
	if n := len(f1.heard) + len(f2.heard); n > 0 {
		w.Errorf("%d messages too many", n)
	}
}

// testBrokerAway: a broker that is gone is named within the deadline, to both sides, and both go on when it is back.
func testBrokerAway(w *world) {
	f, worker := w.join("front", false), w.join("worker", true)
	f.push(jobs(0, 1))
	worker.Done(worker.take(1))
	f.cut(true)
	worker.cut(true)
	began := time.Now()
	if errs := f.Push(jobs(1, 2)); len(errs) != 2 || !errors.Is(errs[0], queue.ErrDown) ||
		!errors.Is(errs[1], queue.ErrDown) {
		w.Fatalf("a push without a broker: %v", errs)
	}
	if took := time.Since(began); took > deadline+time.Second {
		w.Errorf("it was known after %v", took)
	}
	w.eventually("its state says so", func() bool { return !f.now().Up && f.now().Why != "" && !worker.now().Up })
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := worker.Take(ctx, 1); !errors.Is(err, queue.ErrDown) {
		w.Fatalf("a take without a broker: %v", err)
	}
	f.cut(false)
	worker.cut(false)
	w.eventually("it is back", func() bool { return f.now().Up && worker.now().Up })
	w.eventually("a push goes on", func() bool { return f.Push([][]byte{[]byte("last")}) == nil })
	w.eventually("a take goes on", func() bool {
		came, _ := worker.Take(ctx, 10)
		worker.Done(came)
		return slices.ContainsFunc(came, func(j queue.Job) bool { return string(j.Data) == "last" })
	})
	w.eventually("words go on", func() bool {
		_ = worker.Send("front", []byte("word"))
		return len(f.heard) > 0
	})
}

// testAge: what has waited too long is dropped by the broker, and makes room.
func testAge(w *world) {
	w.change = func(c *queue.Config) { c.MaxAge, c.MaxMessages = 300*time.Millisecond, 3 }
	f := w.join("front", false)
	f.push(jobs(0, 3))
	w.eventually("there is room", func() bool {
		taken, _ := f.pushed([][]byte{[]byte("late")})
		return taken == 1
	})
	worker := w.join("worker", true)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	for ctx.Err() == nil { // the last may be too old by now as well
		came, _ := worker.Take(ctx, 3)
		for _, j := range came {
			if string(j.Data) != "late" {
				w.Errorf("%s was taken", j.Data)
			}
		}
		worker.Done(came)
	}
}

// testCredit: a worker that asks for ten has ten, and all others are another's at once.
func testCredit(w *world) {
	f := w.join("front", false)
	f.push(jobs(0, 100))
	w.change = func(c *queue.Config) { c.Credit = 10 }
	one := w.join("one", true)
	w.change = nil
	two := w.join("two", true)
	seen := map[string]bool{}
	for _, j := range append(one.take(10), two.take(90)...) {
		if j.Again || seen[string(j.Data)] {
			w.Errorf("%s: again %t, seen %t", j.Data, j.Again, seen[string(j.Data)])
		}
		seen[string(j.Data)] = true
	}
}

// testLeaves: who stops taking leaves nothing behind that others would take for begun.
func testLeaves(w *world) {
	f, one := w.join("front", false), w.join("one", true)
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan int)
	go func() {
		n := 0
		for {
			came, err := one.Take(ctx, 20)
			if len(came) == 0 && err != nil {
				over <- n
				return
			}
			n += len(came)
			one.Done(came)
		}
	}()
	f.push(jobs(0, 200))
	cancel()
	n := <-over
	one.Close()
	for _, j := range w.join("two", true).take(200 - n) {
		if j.Again {
			w.Errorf("%s counts as begun", j.Data)
		}
	}
}

// testLastWords: what was sent before the end is heard.
func testLastWords(w *world) {
	f, worker := w.join("front", false), w.join("worker", true)
	const words = 500
	for range words {
		if err := worker.Send("front", bytes.Repeat([]byte("x"), 1000)); err != nil {
			w.Fatal(err)
		}
	}
	worker.Close()
	w.eventually("all is heard", func() bool { return len(f.heard) == words })
}

// Frozen is what every engine must hold when its broker says nothing and takes nothing, and the connection stands: no
// method waits for longer than it says. open joins the broker over the wire.
func Frozen(t *testing.T, wire *Wire, open func(queue.Config) (queue.Queue, error)) {
	w := &world{T: t, prefix: "frozen", open: func(_ *testing.T, c queue.Config) (queue.Queue, func(bool)) {
		q, err := open(c)
		if err != nil {
			t.Fatal(err)
		}
		return q, wire.Freeze
	}}
	w.change = func(c *queue.Config) { c.Silence, c.MaxUnsentBytes = 10*time.Second, 64<<20 }
	p := w.join("worker", true)
	w.eventually("it is there", func() bool { return p.now().Up })
	p.push(jobs(0, 1))
	p.Done(p.take(1))
	wire.Freeze(true)
	took := func(what string, most time.Duration, f func()) {
		began := time.Now()
		f()
		if took := time.Since(began); took > most {
			w.Errorf("%s lasted %v, allowed are %v", what, took, most)
		}
	}
	took("sending", deadline+time.Second, func() {
		for range 200 {
			_ = p.Send("other", make([]byte, 100<<10))
		}
	})
	took("a push", deadline+time.Second, func() {
		if errs := p.Push(jobs(1, 1)); len(errs) != 1 || !errors.Is(errs[0], queue.ErrDown) {
			w.Error(errs)
		}
	})
	took("its state", deadline+time.Second, func() {
		w.eventually("it counts as down", func() bool { return !p.now().Up })
	})
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	took("a take", deadline+2*time.Second, func() { _, _ = p.Take(ctx, 1) })
	took("the end", deadline+time.Second, p.Close)
}
