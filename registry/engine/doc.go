// Package engine answers the messages of MCP: revisions, eras, sessions, the methods, lists, running handlers and
// tasks. A transport hands in one scanned message at a time (Exchange) and gets bytes back; package registry, which
// authors of servers import, hands in what is offered.
//
//	Route     on the event loop: finds the row of the method table, the revision and the tool, checks what may be
//	          checked for the price of a look (era, session, mirrored headers), and names the class that runs it
//	Begin     for what is queued: one id at a time per conversation
//	Dispatch  on the loop (class Inline) or on a worker: appends the answer
//	End       after Begin, when the exchange is over
//
// Its one rule: an answer depends on the message, on its conversation and on what is offered, never on a socket.
//
// A feature is a row in method.go, a function in its own file and a transcript in testdata; what differs between
// revisions of MCP is a column of the table in package protocol, and no other file compares versions.
//
// Two eras are served on one endpoint and told apart per request (MCP 2026-07-28, basic/versioning): a request that
// names its revision in params._meta is modern and carries everything with it; all others are legacy and belong to a
// conversation that began with initialize.
//
// What is sent unasked is pulled (package event): a stream says what its client is owed when the transport asks, and
// event.Peer.Wake has it ask. A call that waits for its client (package clientreq), for a task (package task) or for
// another server (call.Forwarder) is suspended; it is dispatched again when the Responder has resumed it. A handler
// that runs too long loses its call (EndTimedOut).
//
// The package never knows how a handler's arguments become Go values (package handler), nor what waits in which queue.
//
// Lock order: a notifier before what it reaches; a conversation before a call's context, and before a subscriber; a
// subscriber before its sources, which are topics and tasks; a task before the transport's queue. The table of requests
// to clients comes before a subscriber. Nothing blocks under any of them.
package engine
