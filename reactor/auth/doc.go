// Package auth knows who may come: the tokens of principals, the hosts and origins that HTTP requests may name, and
// what the refused are told. Answers are values; who asks acts on them.
//
// Its one rule: nothing here blocks, and to judge a request allocates nothing, because it is done on the event loops,
// before anything else is done for the peer.
//
// It never knows a loop, a connection, a session or a file: the tokens file is read by whoever starts the server.
package auth
