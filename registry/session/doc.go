// Package session is what a server remembers of its clients between their messages: a Client, which is what was
// negotiated and what it hears of, the requests of it that are in flight, and of legacy clients over HTTP the Session
// that holds both, because no connection does.
//
// The one rule: a request is found under its id from Begin until its End, or until it is cancelled, and by nobody
// before or after. So no answer reaches another request that uses the same id.
//
// The package never knows what a request is but that it has an id and can be cancelled, and never answers one.
//
// Locks: a conversation's is held while its requests are cancelled, so what they lock then comes after it.
package session
