package round

import "time"

const (
	// Interval is how long a round takes: the time between two looks at a place.
	Interval = int64(250 * time.Millisecond)
	// most is how many places one part looks at: 50 us for those of idle connections, whose memory is cold.
	most = 1024
	// rest is the least that a loop serves the others between two parts. A round of more than a million places takes
	// longer than Interval.
	rest = int64(250 * time.Microsecond)
)

// Round is a walk that begins anew once per Interval. The zero value is ready. All times are those of one clock.
type Round struct {
	began int64 // when it did, or was due to; 0: it never has
	at    int   // the next place
	part  int64 // which part it is in
	until int   // where this turn's look ends
	due   int   // where the part ends: beyond that if the loop came late
	every int64 // from one part to the next
	of    int   // places there are
}

// Begin begins or goes on with a part, at now, of a round over n places. n may grow from one part to the next.
func (r *Round) Begin(now int64, n int) {
	if r.began == 0 {
		r.began = now
	}
	parts := int64(max(1, (n+most-1)/most))
	r.of, r.every = n, Interval/parts
	r.part = min(max(0, (now-r.began)/r.every), parts-1)
	r.due = min(n, int(r.part+1)*most) // not equal parts, which would move with n
	r.until = min(r.due, r.at+most)
}

// Next is the next place to look at; false when the part is over.
func (r *Round) Next() (place int, more bool) {
	if r.at >= r.until {
		return 0, false
	}
	r.at++
	return r.at - 1, true
}

// Again has the next part look at the place that Next gave last once more, first of all.
func (r *Round) Again() { r.at-- }

// End comes when Next has no more, at now, and says how long it is until the next Begin.
func (r *Round) End(now int64) (pause int64) {
	next := r.began + (r.part+1)*r.every
	switch {
	case r.at >= r.of:
		next = max(r.began+Interval, now)
		r.at, r.began = 0, next
	case r.at < r.due:
		return rest
	}
	return max(next-now, rest)
}
