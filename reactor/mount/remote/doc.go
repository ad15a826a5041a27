// Package remote speaks MCP over HTTP (Streamable HTTP, of both eras) with a mount's server, and lines with the mount.
//
// Its one rule: the mount does not see HTTP. A line that it writes is a POST, what comes back are lines. What no line
// can say, such as a status, is told by its id (Failure).
//
// A Remote is the other end of a mount's connection. One goroutine reads its lines, one for each request posts it and
// reads its answer, one reads the stream of what the server says by itself. All end with the connection, or with End,
// which waits for them. A session that the server has forgotten is begun again here, unseen.
//
// It never knows what a tool is, who the client is, or what the client has shown to be let in.
package remote
