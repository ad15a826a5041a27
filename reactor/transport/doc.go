// Package transport is the conduct of connections on the wire: Streamable HTTP, WebSocket, newline-delimited JSON,
// and the HTTP+SSE of MCP 2024-11-05. It cuts messages out of what comes, frames what goes, keeps HTTP's order of
// answers, and says in each transport's own words what became of a message.
//
// Its one rule: what happens to a message is the pipeline's. A transport never runs, queues or refuses one by itself,
// but for what is wrong before it is a message: a request head, a frame, a token.
//
// It never knows what a message asks for, nor how sockets are read and written (reactor/loop).
package transport
