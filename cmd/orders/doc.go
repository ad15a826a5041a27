// Package orders is what the signals of a process mean: which are caught, which one counts as a second order, and when
// a stop is given up.
//
// Its one rule: one goroutine obeys, and never waits for what it has begun.
//
// It never knows what is stopped, reloaded or upgraded.
package orders
