package ring

import (
	"math/rand/v2"
	"testing"
)

// New values take turns with the others, one of each, and there are at most half as many of them.
func TestPair(t *testing.T) {
	f := func(what string, others, news, areNew int, want string) {
		t.Helper()
		p, row, got := NewPair[byte](1024), Row{}, ""
		for range others {
			p.Push('o')
		}
		for range news {
			p.PushNew('n')
		}
		expect(t, what+": new", p.News(), areNew)
		expect(t, what+": in all", p.Length(), others+news)
		for range len(want) {
			v, _ := p.Pop(&row)
			got += string(v)
		}
		expect(t, what, got, want)
	}
	f("none", 0, 0, 0, "\x00")
	f("new ones alone stand in line", 0, 3, 1, "nnn\x00")
	f("others alone", 3, 0, 0, "ooo\x00")
	f("few of many", 10, 3, 3, "nononoooooooo\x00")
	f("too many", 4, 6, 3, "nononoonnn\x00")
}

func TestPairRounds(t *testing.T) {
	p, row := NewPair[int](4), Row{}
	expect(t, "the round of none is over", p.GoneRound(p.Round()), true)
	p.Push(1)
	p.Push(2)
	end := p.Round()
	p.Push(3)
	for range 2 {
		expect(t, "the round is over", p.GoneRound(end), false)
		_, _ = p.Pop(&row)
	}
	expect(t, "the round is over when all have been taken", p.GoneRound(end), true)
	expect(t, "more", p.More(), true)
	_, _ = p.Pop(&row)
	expect(t, "more", p.More(), false)
}

// stander is a value in a pair: how many of its kind were before it when it came, and who was taken before it that it
// had not before it then: of those who came later, or, for a new one, of the others.
type stander struct {
	at            int // of all pushes
	isNew         bool
	before, taken int
}

// Whoever stands among the others is passed, of those that come after it, by as many as it has before it at most; a new
// one by none, and as many of the others go before it as new ones do. And one more for each taker.
func TestPairPasses(t *testing.T) {
	const takers = 4
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 1))
	passed, mostPassed := 0, 0
	for range 50 {
		p, rows, in := NewPair[*stander](256), [takers]Row{}, map[*stander]bool{}
		most, newPart := 1+random.IntN(200), random.IntN(101)
		for at := range 2000 {
			if p.Length() < most && random.IntN(2) == 0 {
				v, were := &stander{at: at, before: p.others.Length()}, p.News()
				if random.IntN(100) >= newPart {
					p.Push(v)
				} else if p.PushNew(v); p.News() > were {
					v.isNew, v.before = true, were
				}
				in[v] = true
				continue
			}
			v, ok := p.Pop(&rows[random.IntN(takers)])
			if !ok {
				continue
			}
			delete(in, v)
			if v.taken > v.before+takers {
				t.Fatalf("seed %d: new %t, %d before it when it came, and %d more were taken before it", seed, v.isNew, v.before,
					v.taken)
			}
			if !v.isNew {
				passed += min(1, v.taken)
				mostPassed = max(mostPassed, v.taken)
			}
			for o := range in {
				if o.isNew != v.isNew && (o.isNew || v.at > o.at) {
					o.taken++
				}
				if o.isNew == v.isNew && o.at < v.at {
					t.Fatalf("seed %d: two of a kind changed places", seed)
				}
			}
		}
	}
	if passed == 0 || mostPassed < takers {
		t.Errorf("nobody was passed, or nobody by many: the test shows nothing (%d, %d)", passed, mostPassed)
	}
}

// There is room for few new ones: the next stand in line.
func TestPairIsFull(t *testing.T) {
	p := NewPair[int](4)
	for range 4 {
		expect(t, "there is room", p.Push(0), true)
	}
	for range 2 {
		expect(t, "there is room", p.PushNew(0), true)
	}
	expect(t, "for a third", p.PushNew(0), false)
	expect(t, "new ones", p.News(), 2)
}
