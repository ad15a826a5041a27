// Package websocket is the server's side of WebSocket (RFC 6455) without extensions: text messages in, frames out,
// and the answer to the handshake.
//
// Its one rule: it touches bytes only. The decoder is fed what has arrived and gives one of three answers: a message
// or control frame, "need more" (not an error), or broken for good. Payload bytes are unmasked, joined and checked
// for UTF-8 where they lie in the caller's buffer, once each and as they arrive, so that a message in progress costs
// nothing to wait for and a bad byte ends the connection before the rest of the message is sent. No pointer into that
// buffer is kept between two calls, because it moves.
//
// It never knows sockets, deadlines, who sent a message or what is in it. It reads no HTTP: the caller has the key
// from the request.
//
// Files: decoder.go messages, frame.go frame headers and the encoder, handshake.go the key and the 101 response,
// options.go the limits, errors.go why a connection is failed.
package websocket
