// Package imports is the command that makes a configuration of what a client has written down about MCP servers: the
// JSON of desktop clients and editors (mcpServers, servers).
//
// Its one rule: what it writes is good. Each server is judged as weir check would judge it, and one that is not good
// here stands in the configuration as a comment, with the reason. What is left out is said.
//
// It starts nothing, and shows no value of a variable or a header beside the configuration itself.
package imports
