// Package wire is the bytes between a client and an MCP server: where a server is (Target), what is said to it
// (Options, Messages), how messages travel over each transport (Format), and what an answer means (Judge).
//
// Its one rule: it touches bytes only. A Format is fed what has arrived and says what came, or that more must arrive;
// it never reads, writes or waits.
//
// It never knows sockets, times or counters, and nothing of how the server works inside.
package wire
