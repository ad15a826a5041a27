package concurrency

import (
	"math/rand/v2"
	"slices"
	"time"
)

// upstream is a simulated back end in virtual time: so many servers, one line before them.
type upstream struct {
	servers int
	takes   func(r *rand.Rand) time.Duration
}

// world is a tool in front of an upstream, and those who call it.
type world struct {
	*upstream
	limiter *Limiter
	r       *rand.Rand

	now    int64
	events events
	line   []call
	busy   int

	arrivals, refusals, answers int
	waited                      time.Duration // in the upstream's line, of those answered
	limits                      []int         // ten times a second
}

type call struct {
	place Place
	from  int64
	done  func(answered bool)
}

type event struct {
	at int64
	do func()
}

// events are those to come, as a heap of their own: container/heap would allocate for each of the million.
type events []event

func (e *events) push(one event) {
	*e = append(*e, one)
	all, at := *e, len(*e)-1
	for at > 0 && all[(at-1)/2].at > one.at {
		all[at] = all[(at-1)/2]
		at = (at - 1) / 2
	}
	all[at] = one
}

// pop takes the next one out; there is one.
func (e *events) pop() event {
	all := *e
	first, last := all[0], all[len(all)-1]
	all[len(all)-1] = event{}
	all = all[:len(all)-1]
	*e = all
	at := 0
	for child := 1; child < len(all); child = 2*at + 1 {
		if child+1 < len(all) && all[child+1].at < all[child].at {
			child++
		}
		if all[child].at >= last.at {
			break
		}
		all[at] = all[child]
		at = child
	}
	if len(all) > 0 {
		all[at] = last
	}
	return first
}

func newWorld(u *upstream, o Options, seed uint64) *world {
	return &world{upstream: u, limiter: Adaptive(o), r: rand.New(rand.NewPCG(seed, 1)), now: int64(time.Hour)}
}

func (w *world) at(in time.Duration, do func()) { w.events.push(event{w.now + int64(in), do}) }

// run lets so much time pass.
func (w *world) run(d time.Duration) {
	for end := w.now + int64(d); ; {
		if len(w.events) == 0 || w.events[0].at > end {
			w.now = end
			return
		}
		e := w.events.pop()
		w.now = e.at
		e.do()
	}
}

// call makes a call; done hears whether it was answered.
func (w *world) call(done func(answered bool)) {
	w.arrivals++
	p, ok := w.limiter.Begin(w.now)
	if !ok {
		w.refusals++
		done(false)
		return
	}
	w.line = append(w.line, call{p, w.now, done})
	w.serve()
}

// serve starts what a server is free for.
func (w *world) serve() {
	for w.busy < w.servers && len(w.line) > 0 {
		c := w.line[0]
		w.line = w.line[1:]
		w.busy++
		w.waited += time.Duration(w.now - c.from)
		w.at(w.takes(w.r), func() {
			w.busy--
			w.answers++
			w.limiter.End(c.place, w.now, true)
			w.serve()
			c.done(true)
		})
	}
}

// open calls so often in a second, at random, whatever becomes of it, until stop.
func (w *world) open(perSecond float64) (stop func()) {
	on := true
	var next func()
	next = func() {
		if on {
			w.call(func(bool) {})
			w.at(time.Duration(w.r.ExpFloat64()/perSecond*1e9), next)
		}
	}
	w.at(0, next)
	return func() { on = false }
}

// closed are so many clients, each with a call at a time; one that was refused comes again after 50 to 150 ms.
func (w *world) closed(clients int) {
	for range clients {
		var again func(bool)
		again = func(answered bool) {
			if answered {
				w.at(0, func() { w.call(again) })
			} else {
				w.at(time.Duration(50+w.r.IntN(100))*time.Millisecond, func() { w.call(again) })
			}
		}
		w.at(time.Duration(w.r.IntN(1000))*time.Microsecond, func() { w.call(again) })
	}
}

// watch writes down the limit ten times a second.
func (w *world) watch() {
	w.limits = append(w.limits, w.limiter.Limit())
	w.at(100*time.Millisecond, w.watch)
}

// median is that of the limits of the last time.
func (w *world) median(last time.Duration) int {
	n := int(last / (100 * time.Millisecond))
	limits := slices.Sorted(slices.Values(w.limits[len(w.limits)-n:]))
	return limits[n/2]
}

// goodput runs for d and is how much of what the upstream can do in that time it did, when a call takes mean.
func (w *world) goodput(d, mean time.Duration) float64 {
	before := w.answers
	w.run(d)
	return float64(w.answers-before) * mean.Seconds() / d.Seconds() / float64(w.servers)
}

func constant(d time.Duration) func(*rand.Rand) time.Duration {
	return func(*rand.Rand) time.Duration { return d }
}

func exponential(d time.Duration) func(*rand.Rand) time.Duration {
	return func(r *rand.Rand) time.Duration { return time.Duration(r.ExpFloat64() * float64(d)) }
}

// bimodal is fifty times as long for one call of ten.
func bimodal(d time.Duration) func(*rand.Rand) time.Duration {
	return func(r *rand.Rand) time.Duration {
		if r.IntN(10) == 0 {
			return 50 * d
		}
		return d
	}
}
