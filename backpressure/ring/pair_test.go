package ring

import "testing"

// New values go first; those that were among the others have their turn all the same, and in one round of them a value
// is new once.
func TestPair(t *testing.T) {
	f := func(what string, others, news, most, want int) {
		t.Helper()
		p, row := NewPair[int](1024), Row{}
		for range others {
			p.Push(1)
		}
		for range news {
			p.PushNew(0)
		}
		expect(t, what+": new", p.News(), news)
		taken, ofOthers := 0, 0
		for ; taken < most; taken++ {
			v, ok := p.Pop(&row)
			expect(t, what+": there is one", ok, true)
			expect(t, what+": was new", row.New(), v == 0)
			ofOthers += v
			if v == 1 {
				p.Push(1)
			} else {
				p.PushNew(0)
			}
		}
		expect(t, what+": of the others", ofOthers, want)
		expect(t, what+": in all", p.Length(), others+news)
	}
	f("one that is always new, beside ten", 10, 1, 90, 10)
	f("as many as the others", 10, 10, 90, 10)
	f("two hundred beside ten", 10, 200, 210, 10)
	f("a hundred beside one", 1, 100, 101, 1)
	f("new ones alone", 0, 10, 20, 0)
	f("others alone", 10, 0, 20, 20)
}

func TestPairRounds(t *testing.T) {
	p, row := NewPair[int](4), Row{}
	expect(t, "the round of none is over", p.GoneRound(p.Round()), true)
	p.Push(1)
	p.Push(2)
	end := p.Round()
	p.Push(3)
	p.PushNew(4)
	for _, want := range []int{4, 1} {
		v, _ := p.Pop(&row)
		expect(t, "taken", v, want)
		expect(t, "the round is over", p.GoneRound(end), false)
	}
	_, _ = p.Pop(&row)
	expect(t, "the round is over when all have been taken", p.GoneRound(end), true)
	expect(t, "more", p.More(), true)
	_, _ = p.Pop(&row)
	expect(t, "more", p.More(), false)
}

// There is room for few new ones: the next stand in line.
func TestPairIsFull(t *testing.T) {
	p := NewPair[int](4)
	for range 8 {
		expect(t, "there is room", p.PushNew(0), true)
	}
	expect(t, "there is room", p.PushNew(0), false)
	expect(t, "new ones", p.News(), 4)
}
