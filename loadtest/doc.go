// Package loadtest measures an MCP server from outside. It knows the wire and nothing of the server: what it says about a
// server is what a client of that server would have seen.
//
// A Fleet is a number of connections of one kind (transport, era, call, how eagerly they send, whether they read) driven by
// a few loops. A loop is one goroutine with one epoll set; no goroutine exists per connection, so 18,000 clients cost a few
// megabytes here and the generator stays cheap beside the server that shares its cores.
//
// The one rule: every message is accounted for. An answer is matched with its request by id and compared byte for byte with
// an answer that was understood in full; whatever is neither a result, a named error nor a named refusal is counted as bad,
// and a fleet that is told to stop says how many of its requests never ended.
//
// A Run asks a Scenario's question of a server with fleets in one process or several, watches the server beside it, and holds
// the answer against the scenario's marks in a Report. Every sent call ends as answered, refused, cancelled or failed; what is
// left is unexplained, and that is a mark of its own.
//
// Files of a run: scenario.go and scenario_yaml.go what is asked, target.go and probe.go whom, runner.go the run, worker.go one
// process's share of it, crew.go the processes, fault.go hostile clients and villain.go what each of them does, watch.go the
// server from outside, book.go samples into figures, marks.go the judgement, report.go what is reported, with text.go, html.go,
// svg.go, bars.go and progress.go for eyes, compare.go two reports.
//
// Files of a fleet: options.go what a fleet is told, fleet.go its commands, loop.go one epoll loop, client.go one connection,
// write.go its sending side and read.go the other, pacer.go when to send, message.go what is sent, answer.go how answers are
// judged, oneid.go calls that all have one id, wire.go with line.go, websocket.go and http.go how messages travel, counters.go
// what is reported, sys.go the system calls, process.go and host.go the server's process and the machine under it.
package loadtest
