//go:build race

package cmd

// raceEnabled: the race detector takes several times the memory of what it watches.
const raceEnabled = true
