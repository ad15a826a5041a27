// Package call is one request while it is served: its message, its place among what is in flight, the context of its
// handler with its deadline and its worker slot, its suspension, and what the handler may tell the client ahead of the
// answer (Progress, Log, CloseStream).
//
// The one rule: a call speaks for its handler from Context.Begin until the handler has returned, or its time is up, and
// never after; who kept the context then finds it ended.
//
// A handler's deadline stands in three files. Here context.go ends the context and takes the call from its handler.
// registry/engine/timeout.go finds the calls whose time is up in the worker slots, counts and logs them, and has the
// words of their answer. reactor/pipeline/timeout.go sends that answer in the call's place, and lets the worker go on.
//
// The package never knows what a method, a tool or a registry is, and never appends an answer.
//
// Locks: a notifier before what it reaches; a context after the conversation that cancels it.
package call
