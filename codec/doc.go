// Package codec turns bytes into messages and messages into bytes: JSON-RPC 2.0 as MCP uses it, the lines that carry
// it on a plain stream, and the event streams inside HTTP. The packages http1 and websocket below it are the other
// two framings.
//
// Its one rule: codecs touch bytes only. There is no socket, goroutine, clock, log or metric in here. A decoder is
// fed what has arrived and gives one of three answers: a message, "need more" (not an error), or broken for good.
// Every byte offered is consumed or stays with the caller under a limit of Limits, and no decoder keeps a pointer
// into the caller's buffer between two calls, because that buffer moves.
//
// JSON is strict, because a message is read by more than one parser on its way (ours, the tool's, an upstream's) and
// whatever two parsers can read differently is an attack: UTF-8 is checked everywhere, an object never has the same key
// twice, and a protocol key is spelled exactly. What was accepted is forwarded as the bytes that were checked.
//
// It never knows which revision of MCP is spoken, who speaks, or what a method does. It does not import its
// subpackages, nor they it.
//
// Files: codec.go the shared contracts, options.go the limits, errors.go the codes, jsonrpc.go the envelope and the
// answers, scan.go the scanner with text.go (strings), keys.go (duplicate keys) and fields.go (which keys are the
// protocol's), peek.go the first look at a big message, batch.go arrays of messages and
// members of objects, line.go the framing by lines, sse.go events.
package codec
