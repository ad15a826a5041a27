// Package scoreboard is the benchmarks of overload: what clients get of a server that is asked for more than it can do,
// and how soon the others are told.
//
// Its one rule: what the server can do is measured in the same minute, by clients that it has no reason to refuse, and
// every step keeps a ledger: what was sent is answered, refused by name, or a mark is missed. It never knows how a
// server decides.
package scoreboard
