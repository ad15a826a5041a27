// Package backpressure decides what may wait, runs what waited, and says no to the rest.
//
// A message crosses it in three steps: Admit counts it and links it into its connection's [Lane];
// Schedule puts the lane on a lock-free ring of runnable lanes; a worker pops the lane, takes a batch of
// its oldest messages and hands them to the connection's [Runner]. New connections pass [Limits] first. Work
// that outlives its connection, an MCP task, enters by [Detached].
//
// The one rule: whatever is counted is given back exactly once. A message that Admit accepted ends in one
// Run, or in one drop by Close, or in the hands of who called Expire, never in two of them and never in
// none, and its counts leave with it.
//
// Two classes of work have a ring and a pool of goroutines each, so that tools that wait for something
// else (class [Blocking], thousands of goroutines) never hold up work that only needs a core (class [Compute],
// a few goroutines).
//
// A message is refused by its connection's own bounds first, then because it could not start in time (expected.go, by
// what work.go has learnt and what fair.go makes a lane's share), then by the bounds of the process (Admit, Probe); by
// its age when a worker takes it, or in its loop's sweep when no worker comes (age.go). Under overload, which is that
// all compute workers have been busy for a while, a message that is a little late is refused too (overload.go). Every
// refusal has a name and a time to come again (refusal.go).
//
// Locks. A lane's mutex is the only lock on a message's way; it is held for a few dozen instructions,
// nothing is called under it, and no second lock is taken under it. The rest is atomic counters.
//
// The package knows nothing about MCP, sockets or bytes: jobs are opaque, sizes are what the caller says.
package backpressure
