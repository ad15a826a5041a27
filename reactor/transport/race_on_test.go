//go:build race

package transport

// raceEnabled: the race detector makes sync.Pool drop items at random, so allocations are not counted under it.
const raceEnabled = true
