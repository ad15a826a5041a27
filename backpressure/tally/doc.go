// Package tally counts what each of many has, and forgets who has nothing.
//
// Its one rule: a bound is exact; who has as much as is allowed gets no more.
//
// It never knows what is counted. Whoever uses a Tally guards it.
package tally
