package breaker

import (
	"math/rand/v2"
	"time"
)

const (
	firstPause = 200 * time.Millisecond
	maxPause   = 30 * time.Second
)

// PauseAfter is how long a mount that has ended so many times in a row is left alone: twice as long each time, and of
// random length, so that many mounts that ended together do not begin together.
func PauseAfter(ends int) time.Duration {
	pause := maxPause
	if ends < 8 {
		pause = min(maxPause, firstPause<<ends)
	}
	return pause/2 + rand.N(pause/2+1)
}
