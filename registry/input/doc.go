// Package input is how a handler gets what it needs from its client's user, model or file system.
//
// A handler that needs something from the client's user, model or file system returns a result with InputRequests (and,
// if it wants to remember anything, RequestState), and is called again with the answers in its Params. That is the one
// style of the SDK. For a client of 2026-07-28 it is also what goes over the wire: an input_required result now, and
// later a request of its own that repeats the first with inputResponses and requestState (MCP 2026-07-28,
// basic/patterns/mrtr). Nothing is remembered here in between.
//
// A client of an earlier revision is sent requests (package clientreq) while the call is suspended.
//
// The one rule: an answer reaches a handler only if it was asked for, and after it was checked.
//
// The package never knows which method a call is of, nor what else becomes of it.
package input
