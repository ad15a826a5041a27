// Package upgrade is how a process hands its listening sockets to a new one, and how the two live beside each other
// until the old one has ended: a socket pair that the new process inherits, and the messages on it.
//
//	old                          new
//	                         <-  hello
//	offer: sockets, secrets  ->
//	                         <-  ready, or refused and why
//	(accepts nobody)  go     ->
//	                         <-  serving
//	(leaves)                 <-  connections that belong to the old one's sessions; reload
//	how many it still has    ->
//	(takes no more, ends)
//
// Its one rule: the old process goes on until the new one says that it serves; whatever fails before changes nothing.
//
// It never knows what the sockets are for, nor whose a connection is.
package upgrade
