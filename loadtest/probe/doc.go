// Package probe talks to a server as one polite client before any load: is it there, which revision does it speak, and
// what can be called?
//
// Its one rule: an error is a sentence that says what to do. Connections here block, each with a deadline.
//
// It never knows fleets, scenarios or reports.
package probe
