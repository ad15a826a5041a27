// Package round is the order in which a loop looks at its places: each once per interval, in parts that are short.
//
// A look at one place costs 15 to 100 ns, and a loop may have half a million: all of them in a row are up to 50 ms,
// four times a second, in which nobody is served. So a round is cut into parts that are spread over the interval.
//
// Its one rule: a place is looked at in the same part of every round, so from one look to the next it is one interval.
// More places make the parts follow each other faster: they move a place to an earlier time, never to a later one.
//
// It never knows what a place is, nor how to wait.
package round
