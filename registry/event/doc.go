// Package event is what a client hears without having asked just now: changed lists, updated resources, how its tasks
// stand, and what a stream that broke had carried.
//
// A Subscriber is a conversation, or a subscriptions/listen, that wants to hear of something. What it wants to hear of
// is a Source, and a Subscription ties the two. A Stream is the way out: the response to a GET or to a listen, or a
// whole connection. A PostStream is the event stream that answers one POST of a session, which its client can resume.
//
// The one rule: nothing is sent from here. What a client is owed is marked, and its transport asks for it (Stream.Next)
// when the client reads; Peer.Wake has it ask. So a client that does not read costs a mark, however much changes, and a
// change costs nobody who does not listen anything.
//
// The package never knows what a resource, a task, an HTTP response or a socket is.
//
// Locks: a Subscriber's is held while its Source is attached or appends, so a source's own comes after it. Nothing
// blocks under either, and nobody is woken under a lock.
package event
