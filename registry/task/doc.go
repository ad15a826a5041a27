// Package task is a task's life: a tools/call that goes on without the request that began it (MCP 2025-11-25,
// basic/utilities/tasks; SEP-2663 since 2026-07-28). The client gets an id at once and asks for the rest when it likes.
// A task belongs to no connection and to no session, so none ends it; while it waits for its client it is some memory
// and nothing else. A tasks/result whose task has not ended waits like a call that asks its client. Table.Expire, once
// a second, ends what is too old.
//
// Its one rule: a task changes through one gate (Task.update), which locks it, changes it, collects what follows from
// the change, unlocks it, and then has it follow: wakes who waits, tells who watches, counts. So a result, a
// cancellation, the end of a task's time and a stop that come together make one ending, and all hear of the same one.
//
// The package knows a task's statuses, its bounds, who waits for its result and how it looks on the wire. It never
// knows what its handler is, how a message came, or what a connection, a session or a subscription is: a Call runs
// it, a Waiter waits for it, a Carrier carries what it asks for to the client, a Watcher hears of it.
//
// The files: status.go the statuses and how a task came to its last one, task.go the gate, roles.go whom it deals with,
// run.go the handler's side, input.go what it asks its client for, result.go who waits for the result, watch.go who
// hears of changes, table.go who has how many and for how long, wire.go what a task looks like.
//
// Lock order: a caller's locks before a task's; a task's before those that Call.Queue takes; the table's before those
// of its partitions. The table's and a task's are never held together. Call.Queue is the one call to the outside
// under a task's lock: it may say no, and then nothing has changed.
package task
