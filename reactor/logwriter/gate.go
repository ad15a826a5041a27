package logwriter

import (
	"sync"
	"time"
)

// gatePeriod is how long what a gate has let through counts.
const gatePeriod = int64(10 * time.Second)

// Gate lets a few log lines of one kind through in ten seconds and counts the others: what peers or handlers can bring
// about at will must not fill the disk. The zero value is ready. Any goroutine.
type Gate struct {
	mu      sync.Mutex
	since   int64 // when the first of said was said
	said    int
	leftOut int
}

// Allow says whether a line may be written at now, in nanoseconds of any clock that only goes forward, when most may be
// in ten seconds; and how many were not since the last that was.
func (g *Gate) Allow(now int64, most int) (leftOut int, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.said > 0 && now-g.since > gatePeriod {
		g.said = 0
	}
	if g.said >= most {
		g.leftOut++
		return 0, false
	}
	if g.said == 0 {
		g.since = now
	}
	g.said++
	leftOut, g.leftOut = g.leftOut, 0
	return leftOut, true
}
