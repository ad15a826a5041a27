package backpressure

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// promised is what the door thinks a call of l would wait, were it let in now.
func (s *simulation) promised(l *simulatedLane, tool *simulatedTool) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	wait, _ := s.q.waitFor(&l.Lane, tool.work)
	return time.Duration(wait * costUnit * rateUnit / s.q.load.rate.Load())
}

// What the door thinks that a call waits, and what it waits then: whoever has nothing waiting starts no later than it was
// promised, but for the grace, in which those may pass it who are new, and earlier only where they were not. Lanes that
// are greedy, lanes that ask now and then, and lanes that ask again as soon as they are answered, in random numbers.
func TestPromisedWait(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 1))
	all, newOnes := 0, 0
	for range 20 {
		cores, greedy, mice, polite := 1+random.IntN(4), random.IntN(20), 1+random.IntN(2000), random.IntN(60)
		each := time.Duration(200+random.IntN(1800)) * time.Microsecond
		load := float64(random.IntN(120)) / 100 // of the mice, of what can be done
		simulate(t, cores, func(*Options) {}, func(s *simulation) {
			s.freeRefusals = true
			tool := s.tool(always(each))
			perMilli := float64(cores) * float64(milli) / float64(each)
			s.open(s.lanes(10), tool, perMilli/2, time.Second)
			s.outcomes()
			lanes := map[*simulatedLane]string{}
			kind := func(n int, name string) (made []*simulatedLane) {
				made = s.lanes(n)
				for _, l := range made {
					lanes[l] = name
				}
				return made
			}
			type promise struct {
				wait  time.Duration
				isNew bool
			}
			promises := map[*simulatedLane]promise{} // of the only call in flight
			ask := func(l *simulatedLane) {
				if _, waits := promises[l]; waits {
					return
				}
				p := promise{s.promised(l, tool), s.q.isNew(&l.Lane, int64(tool.work.cost()))}
				if s.send(l, tool) {
					promises[l] = p
				}
			}
			fill, some, again := kind(greedy, "greedy"), kind(mice, "mouse"), kind(polite, "polite")
			due := 0.0
			for range 1000 {
				for _, l := range fill {
					for range 3 {
						s.send(l, tool)
					}
				}
				for due += load * perMilli; due >= 1; due-- {
					ask(some[random.IntN(len(some))])
				}
				for _, l := range again {
					ask(l)
				}
				elapse(milli)
				synctest.Wait()
				for _, c := range s.ended.take() {
					p, ok := promises[c.lane]
					delete(promises, c.lane)
					if !ok || lanes[c.lane] == "greedy" {
						continue
					}
					all++
					if p.isNew {
						newOnes++
					}
					if waited := time.Duration(c.started - c.sent); waited > p.wait+s.q.grace()+each {
						t.Errorf("seed %d: %d cores, %d greedy, %d mice at %.2f, %d polite, %v each: a %s, new %t, waited %v, not %v", seed,
							cores, greedy, mice, load, polite, each, lanes[c.lane], p.isNew, waited, p.wait)
					}
				}
			}
			elapse(time.Second)
			synctest.Wait()
			s.outcomes()
		})
	}
	t.Logf("%d promises, %d of them of new lanes", all, newOnes)
}

// While the door was shut lately, what was let in may start a little later than it was thought, 8 ms or a quarter of the
// key, and is refused beyond. While it was not, only what overload_queue_timeout and queue_timeout say counts.
func TestGrace(t *testing.T) {
	f := func(key, waited time.Duration, standing bool, want Refusal) {
		t.Helper()
		o := testOptions()
		o.Workers, o.MaxExpectedWait = 1, key
		inBubble(t, o, func(t *testing.T, q *Queue) {
			hog, p := newPeer(q), newPeer(q)
			hog.gate = make(chan struct{})
			hog.admit(Compute, 1, 1)
			hog.schedule()
			synctest.Wait()
			got := Draining
			p.onRun = func(m *message, _ int) { got = m.Refused }
			p.admit(Compute, 1, 1)
			p.schedule()
			if standing {
				q.load.shutAt.Store(max(1, Now()))
			}
			elapse(waited)
			hog.gate <- struct{}{}
			synctest.Wait()
			expect(t, key.String()+", waited "+waited.String(), got, want)
		})
	}
	f(100*milli, 108*milli, true, Accepted)
	f(100*milli, 108*milli+1, true, Overload)
	f(100*milli, 108*milli+1, false, Accepted)
	f(20*milli, 25*milli, true, Accepted)
	f(20*milli, 25*milli+1, true, Overload)
	f(0, 108*milli+1, true, Accepted)
}
