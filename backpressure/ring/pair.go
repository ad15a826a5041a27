package ring

// Pair is a ring, and a second one whose values take turns with its own: for values that have just come and want
// little, and would wait for a turn of all the others. It is the two lists of fq_codel (RFC 8290, 4.1) with three
// guards. A value is new once in each round of the others: who keeps Round of its value and asks GoneRound has that.
// After each new one that it took, a taker takes one of the others. And there are at most half as many new ones as
// others, so a value of the others that has n before it is passed by n of those that come later, at most, and by none
// where nobody is new while n wait (TestPairPasses).
type Pair[T any] struct {
	others *Ring[T]
	news   *Ring[T]
}

// mostNew is how many values are new at once at most, 16 KiB of them; the next goes to the others.
const mostNew = 1024

// Row is what one who takes values knows of the one that it took last.
type Row struct{ isNew bool }

// New says whether the value that was taken last was new.
func (r *Row) New() bool { return r.isNew }

// NewPair returns a pair for at least capacity values.
func NewPair[T any](capacity int) Pair[T] {
	return Pair[T]{New[T](capacity), New[T](min(capacity, mostNew))}
}

// Push appends v to the others; false when they are full.
func (p *Pair[T]) Push(v T) bool { return p.others.Push(v) }

// PushNew appends v to the new ones, or to the others where it would not come sooner so; false when both are full.
func (p *Pair[T]) PushNew(v T) bool {
	return p.RoomForNew() && p.news.Push(v) || p.others.Push(v)
}

// RoomForNew says whether one more comes sooner among the new ones than among the others.
func (p *Pair[T]) RoomForNew() bool { return 2*(p.news.Length()+1) <= p.others.Length() }

// Pop removes the oldest of the others, or the oldest new value where the one before it was none. row is the caller's
// own.
func (p *Pair[T]) Pop(row *Row) (v T, ok bool) {
	if !row.isNew && p.news.More() {
		if v, ok = p.news.Pop(); ok {
			row.isNew = true
			return v, true
		}
	}
	row.isNew = false
	if v, ok = p.others.Pop(); !ok {
		v, ok = p.news.Pop()
		row.isNew = ok
	}
	return v, ok
}

// Round is the end of the round that is under way: GoneRound says whether all that are among the others now have been
// taken. It is of 32 bits, and right while fewer than 2^31 have been taken since.
func (p *Pair[T]) Round() uint32 { return uint32(p.others.tail.Load()) }

// GoneRound says whether all have been taken that were among the others when Round returned end.
func (p *Pair[T]) GoneRound(end uint32) bool { return int32(uint32(p.others.head.Load())-end) >= 0 }

// News is how many values are new, about.
func (p *Pair[T]) News() int { return p.news.Length() }

// Length is how many values there are, about.
func (p *Pair[T]) Length() int { return p.news.Length() + p.others.Length() }

// More reports whether there is any, counting pushes still being written.
func (p *Pair[T]) More() bool { return p.others.More() || p.news.More() }

// Capacity is how many values fit into the others.
func (p *Pair[T]) Capacity() int { return p.others.Capacity() }
