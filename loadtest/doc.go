// Package loadtest asks a scenario's question of an MCP server, any MCP server, by putting a load on it, and holds the
// answer against the scenario's marks. It knows the wire and nothing of the server: what it says about a server is
// what a client of that server would have seen.
//
// A Run drives clients in one process or several, watches the server beside them, and returns a report. Its one rule:
// every sent call ends as answered, refused, cancelled or failed; what is left is unexplained, and that is a mark of
// its own.
//
// Files, each standing on those before it: scenario.go is what is asked, scenario_read.go how it is written,
// builtin.go what comes with the program, worker.go one process's share of a run, workers.go the processes, run.go
// what a run is told, marks.go the judgement, recorder.go samples into figures, runner.go the run, progress.go what is
// shown meanwhile.
//
// Packages, each importing only those before it: socket (system calls), wire (messages on each transport), client
// (many connections), hostile (clients that misbehave), probe (one polite client), observe (the server from outside),
// report (what was found, and how it is shown), and loadtest itself. loadtest/bench stands on all of them.
package loadtest
