// Package client drives many well-behaved connections to one server and counts what becomes of their calls.
//
// A Fleet is a number of connections of one kind (transport, era, call, how eagerly they send, whether they read), driven by a
// few loops. A loop is one goroutine with one epoll set. No goroutine exists per connection, so 18,000 clients cost a few
// megabytes, and the generator stays cheap beside the server that shares its cores.
//
// Its one rule: every message is accounted for. An answer is matched with its request by id and compared byte for byte with an
// answer that was understood in full. What is neither a result, a named error nor a named refusal is counted as bad. A fleet
// that is told to stop says how many of its requests never ended.
//
// Files: fleet.go has the commands, loop.go one epoll loop, connection.go one connection from connect to end, write.go its
// sending side and read.go the other, pacer.go when to send, oneid.go calls that all have one id, counters.go what is counted.
//
// It never knows scenarios, reports or processes.
package client
