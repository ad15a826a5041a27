package ring

// Pair is a ring, and a second one that is served before it: for values that have just come and want little. It is
// the two lists of fq_codel (RFC 8290, 4.1), with its guard against who would be new always: a value is new once in
// each round of the others. Who keeps Round of its value and asks GoneRound before PushNew has that.
type Pair[T any] struct {
	others *Ring[T]
	news   *Ring[T]
}

// mostNew is how many values are new at once at most, 64 KiB of them; the next goes to the others.
const mostNew = 4096

// newInARow is how many new ones are taken in a row while another waits, or more, where there are so many more of them.
// So whoever makes a new value for each thing it wants, without end, leaves the others a ninth, or what is theirs.
const newInARow = 8

// Row is what one who takes values knows of those that it took last.
type Row struct {
	taken, most int // new ones in a row
}

// New says whether the value that was taken last was new.
func (r *Row) New() bool { return r.taken > 0 }

// NewPair returns a pair for at least capacity values.
func NewPair[T any](capacity int) Pair[T] {
	return Pair[T]{New[T](capacity), New[T](min(capacity, mostNew))}
}

// Push appends v to the others; false when they are full.
func (p *Pair[T]) Push(v T) bool { return p.others.Push(v) }

// PushNew appends v to the new ones, or the others where there are too many; false when both are full.
func (p *Pair[T]) PushNew(v T) bool { return p.news.Push(v) || p.others.Push(v) }

// Pop removes the oldest new value, or the oldest of the others where there is none, or it is their turn. row is the
// caller's own.
func (p *Pair[T]) Pop(row *Row) (v T, ok bool) {
	if row.taken == 0 && p.news.More() {
		row.most = max(newInARow, p.news.Length()/max(1, p.others.Length()))
	}
	if row.taken < row.most || !p.others.More() {
		if v, ok = p.news.Pop(); ok {
			row.taken++
			return v, true
		}
	}
	row.taken = 0
	return p.others.Pop()
}

// Round is the end of the round that is under way: GoneRound says whether all that are among the others now have been
// taken.
func (p *Pair[T]) Round() uint64 { return p.others.tail.Load() }

// GoneRound says whether all have been taken that were among the others when Round returned end.
func (p *Pair[T]) GoneRound(end uint64) bool { return p.others.head.Load() >= end }

// News is how many values are new, about.
func (p *Pair[T]) News() int { return p.news.Length() }

// Length is how many values there are, about.
func (p *Pair[T]) Length() int { return p.news.Length() + p.others.Length() }

// More reports whether there is any, counting pushes still being written.
func (p *Pair[T]) More() bool { return p.news.More() || p.others.More() }

// Capacity is how many values fit into the others.
func (p *Pair[T]) Capacity() int { return p.others.Capacity() }
