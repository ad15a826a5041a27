package backpressure

import (
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

const milli = time.Millisecond

// The sum over all kinds of work is exact, whoever changes cost and number.
func TestWorkIsExact(t *testing.T) {
	q, _ := newQueue(t, testOptions())
	works := []*Work{q.NewWork(), q.NewWork(), nil}
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(g), 1))
			held := make([]int, len(works))
			for range 20_000 {
				i := random.IntN(len(works))
				switch w := works[i]; random.IntN(3) {
				case 0:
					w.join()
					held[i]++
				case 1:
					n := random.IntN(held[i] + 1)
					w.leave(n)
					held[i] -= n
				default:
					if w != nil {
						w.learn(1, random.Int64N(int64(time.Second)))
					}
				}
			}
			for i, w := range works {
				w.leave(held[i])
			}
		})
	}
	all.Wait()
	expect(t, "what waits", q.load.waiting.Load(), 0)
}

// Clients that wait for their answer are not refused while their own wait stays below the key.
func TestClosedLoopIsNotRefused(t *testing.T) {
	f := func(clients, cores int, took func(*rand.Rand) time.Duration) {
		t.Helper()
		simulate(t, cores, func(*Options) {}, func(s *simulation) {
			tool, stop := s.tool(took), new(atomic.Bool)
			for i, l := range s.lanes(clients) {
				// The answer is on its way, and the next call. No two come in one moment: who comes while a worker wakes
				// may find it neither asleep nor at work.
				way := 100*time.Microsecond + time.Duration(i)
				l.again = func(*simulatedCall) {
					time.AfterFunc(way, func() {
						if !stop.Load() {
							s.send(l, tool)
						}
					})
				}
				s.send(l, tool)
			}
			elapse(10 * time.Second)
			stop.Store(true)
			elapse(time.Second)
			synctest.Wait()
			o := s.outcomes()
			if o.atDoor+o.late > 0 {
				t.Errorf("%d clients, %d cores: %d refused at the door, %d late, of %d", clients, cores, o.atDoor, o.late, o.good)
			}
			if o.work < 9900*milli*time.Duration(cores) {
				t.Errorf("%d clients, %d cores: %v of work done in 10 s", clients, cores, o.work)
			}
		})
	}
	f(90, 1, always(milli))
	f(100, 2, always(milli))
	f(180, 2, always(milli))
	f(60, 2, mixed(200*time.Microsecond, 10*milli))
	f(16, 4, always(20*milli))
	f(3, 2, always(60*milli))
	f(4, 4, always(2*time.Second)) // longer than the key: each has a core
}

// What an open loop of many times what can be done gets: nearly all of the cores, in time, and refusals at once.
func TestOpenLoopIsRefusedAtTheDoor(t *testing.T) {
	f := func(lanes, cores int, times float64, key, own time.Duration, took func(*rand.Rand) time.Duration, least float64) {
		t.Helper()
		simulate(t, cores, func(o *Options) { o.MaxExpectedWait = key }, func(s *simulation) {
			tool, all := s.tool(took), s.lanes(lanes)
			perMilli := float64(cores) / (float64(own) / float64(milli))
			s.open(all, tool, perMilli/2, time.Second) // it is known what the tool takes
			before := s.outcomes()
			expect(t, "refused at half the load", before.atDoor+before.late, 0)
			sent := s.open(all, tool, times*perMilli, 4*time.Second)
			o := s.outcomes()
			what := "%d lanes, %d cores, %v times, key %v, %v each: "
			args := []any{lanes, cores, times, key, own}
			t.Logf(what+"%d sent, %+v", append(args, sent, o)...)
			if good := float64(o.work) / float64(4*time.Second*time.Duration(cores)); good < least {
				t.Errorf(what+"goodput %.3f, want %.2f", append(args, good, least)...)
			}
			if most := key + 10*milli + 3*own; o.p99 > most {
				t.Errorf(what+"p99 %v, want at most %v", append(args, o.p99, most)...)
			}
			if o.late*50 > o.atDoor { // of tools of two minds not all is known at the door
				t.Errorf(what+"%d were refused late, %d at the door", append(args, o.late, o.atDoor)...)
			}
			s.open(all, tool, perMilli*0.8, time.Second)
			s.outcomes()
			s.open(all, tool, perMilli*0.8, time.Second)
			if o := s.outcomes(); o.atDoor+o.late > 0 {
				t.Errorf(what+"%d refused a second after the load fell", append(args, o.atDoor+o.late)...)
			}
			elapse(time.Second)
			synctest.Wait()
		})
	}
	for _, lanes := range []int{20, 200, 2000} {
		f(lanes, 1, 2, 100*milli, milli, always(milli), 0.97)
		f(lanes, 2, 2, 20*milli, milli, always(milli), 0.97)
		f(lanes, 2, 10, 100*milli, 5*milli, always(5*milli), 0.92)
		f(lanes, 2, 2, 100*milli, 1180*time.Microsecond, mixed(200*time.Microsecond, 10*milli), 0.95)
	}
}

// A tool takes a hundred times as long from one moment to the next, and back. What was let in before it was known is
// refused when it is late; what is let in then starts in time.
func TestCostJumps(t *testing.T) {
	simulate(t, 2, func(*Options) {}, func(s *simulation) {
		cost := milli
		tool, lanes := s.tool(func(*rand.Rand) time.Duration { return cost }), s.lanes(200)
		s.open(lanes, tool, 1.8, time.Second)
		before := s.outcomes()
		expect(t, "refused before", before.atDoor+before.late, 0)
		cost = 100 * milli
		s.open(lanes, tool, 1.8, 2*time.Second)
		during := s.outcomes()
		t.Logf("while it takes 100 ms: %+v", during)
		if during.work < 3600*milli {
			t.Errorf("%v of work were done in 2 s on two cores", during.work)
		}
		if during.max > 500*milli {
			t.Errorf("an answer took %v", during.max)
		}
		if during.late > 400 {
			t.Errorf("%d were let in and refused late, %d at the door", during.late, during.atDoor)
		}
		cost = milli
		s.open(lanes, tool, 1.8, 500*milli)
		back := s.outcomes()
		t.Logf("in the half second after it: %+v", back)
		s.open(lanes, tool, 1.8, time.Second)
		after := s.outcomes()
		if after.atDoor+after.late > 0 {
			t.Errorf("half a second later %d are refused at the door and %d late", after.atDoor, after.late)
		}
		elapse(time.Second)
		synctest.Wait()
	})
}

// Ten greedy connections pay alone: a thousand others with a call per second each do not notice.
func TestGreedyPayAlone(t *testing.T) {
	simulate(t, 2, func(*Options) {}, func(s *simulation) {
		const short = 200 * time.Microsecond
		tool, mice, greedy := s.tool(always(short)), s.lanes(1000), s.lanes(10)
		s.open(mice, tool, 1, time.Second)
		alone := s.outcomes()
		for i := range 5000 { // five seconds, ten times what can be done
			s.send(mice[i%1000], tool)
			for j := range 100 {
				s.send(greedy[j%10], tool)
			}
			elapse(milli)
		}
		good, waits, perLane := 0, time.Duration(0), map[*simulatedLane]int{}
		for _, c := range s.ended.take() {
			if i := indexOf(greedy, c.lane); i >= 0 {
				if c.end == Accepted {
					perLane[c.lane]++
				}
				continue
			}
			expect(t, "the end of a call of the thousand", c.end, Accepted)
			good++
			waits = max(waits, time.Duration(c.done-c.sent))
		}
		t.Logf("alone: %+v; beside the greedy: %d answers, the last after %v", alone, good, waits)
		if good < 4990 || waits > 2*milli {
			t.Errorf("%d of 5000 answered, within %v", good, waits)
		}
		least, most := math.MaxInt, 0
		for _, n := range perLane {
			least, most = min(least, n), max(most, n)
		}
		if float64(least) < 0.9*float64(most) {
			t.Errorf("the greedy had from %d to %d answers", least, most)
		}
		elapse(time.Second)
		synctest.Wait()
		s.outcomes()
	})
}

// Who is always ready with one call is new once in a round: it has as many turns as two of the greedy at most. So have
// twenty such connections of one principal together.
func TestNewOnceInARound(t *testing.T) {
	f := func(what string, lanes int, principal string) {
		t.Helper()
		simulate(t, 1, func(o *Options) { o.MaxExpectedWait, o.OverloadQueueTimeout = 0, 0 }, func(s *simulation) {
			tool, greedy, sly := s.tool(always(milli/2)), s.lanes(10), s.lanes(lanes)
			s.open(s.lanes(1), tool, 0.5, time.Second)
			s.outcomes()
			stop := new(atomic.Bool)
			for _, l := range sly {
				s.q.Join(&l.Lane, principal)
				l.again = func(*simulatedCall) {
					time.AfterFunc(time.Microsecond, func() {
						if !stop.Load() {
							s.send(l, tool)
						}
					})
				}
			}
			for range 500 {
				for _, l := range greedy {
					s.send(l, tool)
				}
			}
			for _, l := range sly {
				s.send(l, tool)
			}
			elapse(time.Second)
			stop.Store(true)
			sum := map[bool]int{}
			for _, c := range s.ended.take() {
				sum[indexOf(sly, c.lane) >= 0]++
			}
			if mean := sum[false] / len(greedy); sum[true]*10 < 8*mean || sum[true] > 2*mean+lanes {
				t.Errorf("%s: %d answers, each of the greedy %d", what, sum[true], mean)
			}
			elapse(time.Minute)
			synctest.Wait()
			s.outcomes()
		})
	}
	f("one", 1, "")
	f("twenty of a principal", 20, "somebody")
}

func indexOf(lanes []*simulatedLane, l *simulatedLane) int {
	for i := range lanes {
		if lanes[i] == l {
			return i
		}
	}
	return -1
}

// Turns are worth a time: who asks for long calls gets fewer of them. And those of one principal share one's turns.
func TestTurnsAreWorthATime(t *testing.T) {
	f := func(what string, greedy []*simulatedLane, s *simulation, long, short *simulatedTool, least, most float64) {
		t.Helper()
		other := s.lane()
		for range 200 {
			for _, l := range greedy {
				s.send(l, long)
			}
		}
		for range 4000 {
			s.send(other, short)
		}
		elapse(400 * milli)
		var theirs, others time.Duration
		for _, c := range s.ended.take() {
			if c.lane == other {
				others += c.cost
			} else {
				theirs += c.cost
			}
		}
		if share := float64(others) / float64(others+theirs); share < least || share > most {
			t.Errorf("%s: the other one had %.2f of the time, want %.2f to %.2f", what, share, least, most)
		}
		elapse(time.Hour)
		synctest.Wait()
		s.outcomes()
	}
	alone := func(o *Options) { o.MaxExpectedWait, o.OverloadQueueTimeout, o.QueueTimeout = 0, 0, 0 }
	simulate(t, 1, alone, func(s *simulation) {
		long, short := s.tool(always(5*milli)), s.tool(always(100*time.Microsecond))
		s.open(s.lanes(1), long, 0.1, time.Second)
		s.open(s.lanes(1), short, 1, time.Second)
		s.outcomes()
		f("long calls", s.lanes(1), s, long, short, 0.4, 0.6)
		f("three that ask for long calls", s.lanes(3), s, long, short, 0.2, 0.3)
		same := s.lanes(20)
		for _, l := range same {
			s.q.Join(&l.Lane, "somebody")
		}
		f("twenty connections of one principal", same, s, short, short, 0.35, 0.65)
	})
}

// Tools that wait, and connections that are patient or do not read, are none of it.
func TestExpectedWaitLeavesOut(t *testing.T) {
	simulate(t, 1, func(*Options) {}, func(s *simulation) {
		tool := s.tool(always(milli))
		s.open(s.lanes(1), tool, 0.5, time.Second)
		s.outcomes()
		unread := s.lane()
		s.q.Pause(&unread.Lane)
		for range 500 {
			expect(t, "let in of who does not read", s.send(unread, tool), true)
		}
		expect(t, "busy beside who does not read", s.q.Busy(Now()), false)
		patient := s.lane()
		patient.BePatient()
		for range 500 {
			expect(t, "let in of the patient", s.send(patient, tool), true)
		}
		expect(t, "busy", s.q.Busy(Now()), true)
		other := s.lane()
		expect(t, "let in of another, whose turn is next", s.send(other, tool), true)
		for s.send(other, tool) {
		}
		var m message
		m.Work = tool.work
		expect(t, "of one that waits", s.q.Admit(&other.Lane, &m.Ticket, Blocking, 1, Now()), Accepted)
		s.q.Close(&other.Lane, func(*Ticket) {})
		elapse(2 * time.Second)
		o := s.outcomes()
		expect(t, "late", o.late, 0)
		s.q.Resume(&unread.Lane)
		elapse(10 * time.Second)
		s.outcomes()
		expect(t, "paused, in the end", s.q.load.paused.Load(), 0)
	})
}

// What few others have waiting does not shut the door to who has nothing, also when there are suddenly fewer cores.
func TestStarvedMouseIsLetIn(t *testing.T) {
	simulate(t, 1, func(*Options) {}, func(s *simulation) {
		tool := s.tool(always(milli))
		s.open(s.lanes(1), tool, 0.5, time.Second)
		for _, l := range s.lanes(10) {
			for s.send(l, tool) {
			}
		}
		full := s.q.load.rate.Load()
		s.q.load.rate.Store(full * 15 / 100) // 15 ms of work are done within the key: half of that is less than ten turns
		expect(t, "let in of a mouse", s.send(s.lane(), tool), true)
		s.q.load.rate.Store(full * 5 / 100)
		expect(t, "let in of one that could not start in time", s.send(s.lane(), tool), false)
		s.q.load.rate.Store(full)
		elapse(2 * time.Second)
		s.outcomes()
	})
}

// What was measured while the cores were somebody else's does not outlast that: bursts that are done in time are let in
// again, though a worker pauses between any two of them.
func TestRateRecovers(t *testing.T) {
	simulate(t, 2, func(*Options) {}, func(s *simulation) {
		s.q.load.since.Store(Now()) // the bubble's time is before that of Now's beginning
		tool, lanes := s.tool(always(2*milli)), s.lanes(20)
		burst := func() {
			for _, l := range lanes {
				s.send(l, tool)
			}
			elapse(300 * milli)
		}
		for range 10 {
			burst()
		}
		expect(t, "refused of bursts of 20 ms", s.outcomes().atDoor, 0)
		s.q.load.rate.Store(rateUnit / 10) // nine tenths and more were taken
		for range 20 {
			burst()
		}
		s.outcomes()
		for range 10 {
			burst()
		}
		expect(t, "refused six seconds after the cores came back", s.outcomes().atDoor, 0)
	})
}
