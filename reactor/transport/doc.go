// Package transport is the conduct of connections on the wire: Streamable HTTP, WebSocket, newline-delimited JSON,
// and the HTTP+SSE of MCP 2024-11-05. It cuts messages out of what comes, frames what goes, keeps HTTP's order of
// answers, and says in each transport's own words what became of a message.
//
// Its one rule: what happens to a message is the pipeline's. A transport never runs, queues or refuses one by itself,
// but for what is wrong before it is a message: a request head, a frame, a token.
//
// Answers leave in the order in which they are ready and are matched by id. HTTP/1.1 is the exception: they leave in
// the order of the requests, and one that is ready early waits at its place and counts as outbox (http_order.go).
// Messages ahead of an answer are written by the handler that sends them, under the connection's lock, and never wait:
// what does not fit into the outbox is dropped. Over HTTP the first one turns the response into an event stream
// (http_events.go); in a pipeline only the head of the order streams, the others' parts wait.
//
// The stream that answers a session's POST can be resumed (http_resumable.go). What it carries is recorded first, under
// the connection's lock, which makes one order of it. One response carries it: the POST's, then that of the last GET
// that resumed it, which pulls like any stream (http_stream.go). When its connection breaks, is taken over, or the call
// closes it, the call is detached: it keeps its worker or stays suspended, and what it says is kept for who comes.
//
// Files: site.go what all connections share, accept.go what a new one speaks, duplex.go what lines, WebSocket and
// HTTP+SSE share, line.go, websocket.go and http_sse.go these three, http.go and http_*.go Streamable HTTP, auth.go who
// a peer is.
//
// It never knows what a message asks for, nor how sockets are read and written (reactor/loop).
package transport
