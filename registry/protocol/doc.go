// Package protocol is what the Model Context Protocol says in tables: its revisions and what differs between them,
// the names of its lists, log levels and _meta keys, what a client can be asked, which headers repeat which part of a
// message, and the errors that more than one package answers with.
//
// Its one rule: everything in it is constant or a pure function of its arguments. Values are shared and never written
// to, so all of it is safe for concurrent use. What differs between revisions is a column of the table in revision.go;
// no other file in Weir compares versions.
//
// It never knows what is registered, who sent a message, or how it came: no session, no handler, no transport.
package protocol
