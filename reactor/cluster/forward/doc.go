// Package forward carries requests over HTTP to the node of a cluster that has what they are about, a session or a
// task, and the bytes of the response back. The node that a client is connected to is the entry, the other one the
// owner. The owner serves the request as a connection of its own that has no socket (loop.Wire), so what a call holds,
// how it is refused, cancelled, streamed or resumed is the same with one node and with many; the entry passes bytes on
// in their turn.
//
// Its one rule: a request that was taken in ends once at each side, whatever becomes of the other node, and what comes
// after that reaches nobody. Ids are never given twice, and each side forgets an id before it says so.
//
// A client that does not read holds up its owner: what is on the way is at most a window (forward_window_bytes), which
// the entry opens again as its client takes what came. There is no goroutine for a request or a stream. Messages may be
// lost between nodes, so both sides say from time to time that they still have what is open for long.
//
// It never knows what a request says, nor how HTTP looks: who asks (Asker) and who serves (Host) do.
//
// Lock order: a connection's, then a Served's, then those of the tables. Nothing is called under a table's.
package forward
