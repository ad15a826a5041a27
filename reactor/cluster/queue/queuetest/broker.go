package queuetest

import (
	"context"
	"maps"
	"sync"
	"time"

	"weir/reactor/cluster/queue"
)

// Broker is a queue in this process's memory. It serves several Queues, as a real one does, and shows what the tests
// of front ends and workers need: it can be full, or cut off from one of them.
type Broker struct {
	mu      sync.Mutex
	waiting []*held
	taken   map[*held]*Link
	bytes   int
	links   map[string]*Link
	changed chan struct{} // closed when something has changed
}

type held struct {
	data  []byte
	again bool
	since time.Time
}

// Link is one process at the broker, and its queue.Queue.
type Link struct {
	broker *Broker
	config queue.Config
	cut    bool
	closed bool
	words  chan []byte
	over   sync.WaitGroup
	stop   chan struct{}
}

// NewBroker makes an empty one.
func NewBroker() *Broker {
	return &Broker{taken: map[*held]*Link{}, links: map[string]*Link{}, changed: make(chan struct{})}
}

// Open is an engine's.
func (b *Broker) Open(c queue.Config) (queue.Queue, error) { return b.Join(c), nil }

// Join is Open with a Link to cut.
func (b *Broker) Join(c queue.Config) *Link {
	l := &Link{broker: b, config: c, words: make(chan []byte, 1<<16), stop: make(chan struct{})}
	b.mu.Lock()
	b.links[c.Name] = l
	b.mu.Unlock()
	l.over.Go(l.hear)
	l.over.Go(l.watch)
	return l
}

// Waiting is how many jobs the broker holds.
func (b *Broker) Waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.waiting)
}

// Cut severs the link, or mends it. What was taken over a severed one is given to others after Silence.
func (l *Link) Cut(cut bool) {
	b := l.broker
	b.mu.Lock()
	l.cut = cut
	b.changeLocked()
	b.mu.Unlock()
	l.tell()
}

func (b *Broker) changeLocked() {
	close(b.changed)
	b.changed = make(chan struct{})
}

func (l *Link) hear() {
	for {
		select {
		case word := <-l.words:
			l.config.Hear(word)
		case <-l.stop:
			return
		}
	}
}

func (l *Link) watch() {
	tick := time.NewTicker(max(l.config.Silence/4, time.Millisecond))
	defer tick.Stop()
	var silent time.Time // since when the link is severed
	for {
		select {
		case now := <-tick.C:
			b := l.broker
			b.mu.Lock()
			if !l.cut {
				silent = now
			} else if now.Sub(silent) >= l.config.Silence {
				b.giveBackLocked(l)
			}
			b.ageLocked(now.Add(-l.config.MaxAge))
			b.mu.Unlock()
			l.tell()
		case <-l.stop:
			return
		}
	}
}

func (b *Broker) ageLocked(before time.Time) {
	kept := b.waiting[:0]
	for _, h := range b.waiting {
		if h.since.Before(before) {
			b.bytes -= len(h.data)
			continue
		}
		kept = append(kept, h)
	}
	b.waiting = kept
}

func (l *Link) tell() {
	b := l.broker
	b.mu.Lock()
	s := queue.State{Up: !l.cut, Messages: len(b.waiting) + len(b.taken), Bytes: b.bytes}
	b.mu.Unlock()
	if !s.Up {
		s.Why = "cut"
	}
	if l.config.Watch != nil {
		l.config.Watch(s)
	}
}

// giveBackLocked has others have what l took.
func (b *Broker) giveBackLocked(l *Link) {
	for h := range maps.Clone(b.taken) {
		if b.taken[h] == l {
			delete(b.taken, h)
			h.again = true
			b.waiting = append(b.waiting, h)
		}
	}
	b.changeLocked()
}

// Push implements queue.Queue.
func (l *Link) Push(jobs [][]byte) []error {
	b := l.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case l.closed:
		return queue.All(len(jobs), queue.ErrClosed)
	case l.cut:
		return queue.All(len(jobs), queue.ErrDown)
	}
	var errs []error
	for i, data := range jobs {
		if len(b.waiting)+len(b.taken) >= l.config.MaxMessages || b.bytes+len(data) > l.config.MaxBytes {
			if errs == nil {
				errs = make([]error, len(jobs))
			}
			errs[i] = queue.ErrFull
			continue
		}
		b.waiting = append(b.waiting, &held{data: append([]byte(nil), data...), since: time.Now()})
		b.bytes += len(data)
	}
	b.changeLocked()
	return errs
}

// Take implements queue.Queue.
func (l *Link) Take(ctx context.Context, n int) ([]queue.Job, error) {
	b := l.broker
	for {
		b.mu.Lock()
		changed := b.changed
		switch {
		case l.closed:
			b.mu.Unlock()
			return nil, queue.ErrClosed
		case l.cut:
			b.mu.Unlock()
			return nil, queue.ErrDown
		case ctx.Err() != nil:
			b.mu.Unlock()
			return nil, ctx.Err()
		}
		var jobs []queue.Job
		for len(jobs) < n && len(b.waiting) > 0 {
			h := b.waiting[0]
			b.waiting = b.waiting[1:]
			b.taken[h] = l
			jobs = append(jobs, queue.Job{Data: append([]byte(nil), h.data...), Again: h.again, Receipt: h})
		}
		b.mu.Unlock()
		if jobs != nil {
			return jobs, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// Done implements queue.Queue.
func (l *Link) Done(jobs []queue.Job) {
	b := l.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, j := range jobs {
		if h := j.Receipt.(*held); b.taken[h] == l && !l.cut {
			delete(b.taken, h)
			b.bytes -= len(h.data)
		}
	}
}

// Send implements queue.Queue.
func (l *Link) Send(to string, message []byte) error {
	b := l.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case l.closed:
		return queue.ErrClosed
	case l.cut:
		return queue.ErrDown
	}
	heard := 0
	for name, other := range b.links {
		if other.cut || other.closed || name != to && (to != queue.Workers || !other.config.Works) {
			continue
		}
		other.words <- append([]byte(nil), message...)
		heard++
	}
	if heard == 0 && l.config.Unheard != nil {
		l.config.Unheard(1)
	}
	return nil
}

// Close implements queue.Queue.
func (l *Link) Close() {
	b := l.broker
	b.mu.Lock()
	if l.closed {
		b.mu.Unlock()
		return
	}
	l.closed = true
	b.giveBackLocked(l)
	b.mu.Unlock()
	close(l.stop)
	l.over.Wait()
}
