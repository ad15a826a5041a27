// Package client drives many well-behaved connections to one server and counts what becomes of their calls.
//
// A Fleet is a number of connections of one kind (transport, era, call, how eagerly they send, whether they read),
// driven by a few loops. A loop is one goroutine with one epoll set. No goroutine exists per connection, so 18,000
// clients cost a few megabytes, and the generator stays cheap beside the server that shares its cores.
//
// Its one rule: every message is accounted for. An answer is matched with its request by id and compared byte for byte
// with an answer that was understood in full. What is neither a result, a named error nor a named refusal is counted
// as bad. A fleet that is told to stop says how many of its requests never ended.
//
// Files, each standing on those before it: options.go is what a fleet is told, table.go and counters.go what is
// counted, calllog.go the calls that all have one id, state.go what a loop and a connection
// remember, schedule.go whose turn it is, ending.go how calls and connections end, reconnect.go what goes on over
// another socket, write.go how bytes leave, oneid.go and calls.go which calls leave, connection.go a connection until
// it is open, read.go what arrives, loop.go one epoll loop, fleet.go its commands.
//
// It never knows scenarios, reports or processes.
package client
