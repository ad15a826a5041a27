//go:build race

package reactor

// raceEnabled: the race detector weighs more than what it watches, so nothing is weighed under it.
const raceEnabled = true
