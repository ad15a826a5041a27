// Package event is what a client hears without having asked just now: changed lists, updated resources, how its tasks
// stand, and what a stream that broke had carried.
//
// A Subscriber is a conversation, or a subscriptions/listen, that wants to hear of something. What it wants to hear of
// is a Source, and a Subscription ties the two. A Stream is the way out: the response to a GET or to a listen, or a
// whole connection. A PostStream is the event stream that answers one POST of a session, which its client can resume.
//
// The one rule: nothing is sent from here. What a client is owed is marked, and its transport asks for it (Stream.Next)
// when the client reads; Peer.Wake has it ask. So a client that does not read costs a mark, however much changes, and a
// change costs nobody who does not listen anything. A change of a list raises one number, and whoever was told an older
// one is owed a notification. An updated resource is marked once per subscriber until it is told.
//
// A session keeps the latest events of its streams for clients that resume (store.go), bounded per session and in all.
// At the bound it forgets the oldest, and never replays over a gap. A PostStream is forgotten when its call is over and
// its last event dropped, or with its session.
//
// The package never knows what a resource, a task, an HTTP response or a socket is.
//
// Locks: a Subscriber's is held while its Source is attached or appends, so a source's own comes after it. Nothing
// blocks under either, and nobody is woken under a lock.
package event
