// Package http1 reads and writes HTTP/1.1 messages (RFC 9112, RFC 9110) as MCP uses them: the requests of a server
// with Decoder, its answers with AppendResponse and the chunk functions, and a client's view of those answers with
// ReplyDecoder.
//
// Its one rule: it touches bytes only. A decoder is fed what has arrived and gives one of three answers: a message,
// "need more" (not an error), or broken for good. Every byte offered is consumed or stays with the caller under a
// limit of Limits, and no decoder keeps a pointer into the caller's buffer between two calls, because that buffer
// moves. Each byte is looked at a bounded number of times however the input is cut, so that a client that sends one
// byte per packet costs linear work, and the verdict depends on the bytes alone.
//
// It is strict: where the RFC lets a recipient be lenient and leniency lets two parsers see two different messages, the
// answer is 400. Responses are read with the same strictness, so that the decoder is also a check of the encoder.
//
// It never knows sockets, deadlines, sessions or JSON: which path is served, which method is welcome and what a body
// means is the caller's business.
//
// Files: request.go and reply.go the two decoders, message.go what they share (lines and fields), target.go request
// lines, names.go the known fields, body.go bodies and chunks, response.go the encoder, options.go the limits,
// errors.go the refusals.
package http1
