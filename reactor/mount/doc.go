// Package mount has existing MCP servers answer for this one: it starts them, or connects to them, speaks lines with
// them on the server's loops, and offers their tools in its registry.
//
// Its one rule: a mount harms only itself. Nothing waits for one: not the start, not a worker, not another mount. What
// it cannot do now is answered at once and by name (package reason). Each is bounded in calls, bytes and time
// (options.go).
//
// A Mount lives on a goroutine of its own (life.go), which starts a child (package child) or connects, greets it
// (greet.go), offers what it lists (offer.go), and begins again with a pause when it ends. An upstream (upstream.go) is
// one connection of it on a loop. A call is forwarded by a worker and suspended (forward.go); its place is in a table
// (package calls). Whatever ends, a call has one outcome: taken out of the table under the mount's lock, it is settled
// outside of it. One that asks its client keeps its place meanwhile (question.go). What changes of a message on its way
// is package hop's.
//
// Where the configuration comes from, and what variables in it stand for, package cmd knows.
//
// Lock order: a client's connection and conversation, then a mount's, then an upstream's connection, then a loop's
// inbox. So nothing is sent to a client, and no call settled, with a mount locked.
package mount
