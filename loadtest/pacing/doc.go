// Package pacing says when calls leave: the plan of an open load, decided before the run.
//
// Its one rule: it is pure. No clock, and nothing that answers could move.
//
// It never knows connections or messages.
package pacing
