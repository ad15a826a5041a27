// Package calls is the table in which the requests of a mount wait: its calls, and a few of the mount's own.
//
// A request's place is an index; with the generation of the place it is the id that goes upstream. Nothing is hashed,
// and an answer that comes for a place that is another's by now is known by the generation. The table also says whose
// turn it is: what is in flight, what waits for its turn, and what of both one client may have (share.go).
//
// Its one rule: whatever ends, a request is taken out of the table once, by whoever ends it.
//
// It never knows what a connection is, or what is sent on it. A Table is guarded by its owner's lock.
package calls
