package transport

import (
	"strconv"

	"weir/codec"
)

// invalid is the error of a request that is none, in the words for whoever wrote its client.
func invalid(message string) *codec.Error {
	return &codec.Error{Code: codec.CodeInvalidRequest, Message: message}
}

var (
	errLineHTTP = invalid("this port speaks newline-delimited JSON; HTTP is spoken on that of the key http; this " +
		"connection ends here")
	errSSEMethod = invalid("this path is for the HTTP+SSE transport of 2024-11-05: GET its stream, " +
		"POST to where its first event says")
	errSSESession = invalid("no such session: its stream has ended or never was; GET a new one")
	errSSEEarly   = invalid("GET the stream when the requests before it are answered")
	errHost       = invalid("this Host is not served here (allowed_hosts)")
	errOrigin     = invalid("this Origin is not allowed (allowed_origins)")
	errPath       = invalid("nothing is served at this path, MCP is at http_path (/mcp unless configured)")
	errEndpoint   = &codec.Error{Code: codec.CodeInvalidRequest, Message: "no mount has the name at the end of this path",
		Data: []byte(`{"reason":"endpoint_unknown"}`)}
	errMethod = invalid("this HTTP method is not served: POST a message, DELETE a session, GET its event stream " +
		"(Accept: text/event-stream), or GET with a WebSocket upgrade")
	errMetadataMethod = invalid("this document is for GET")
	errConnect        = invalid("this server is no proxy: CONNECT is not served, and what follows it is not read")
	errMediaType      = invalid("Content-Type must be application/json")
	errCoding         = invalid("Content-Encoding is not undone here: send the body as it is")
	errAccept         = invalid("Accept must allow application/json or text/event-stream")
	errAcceptStream   = invalid("the answer to this is a stream: Accept must allow text/event-stream")
	errNoBody         = invalid("a POST must carry a JSON-RPC message")
	errUpgradeEarly   = invalid("upgrade when the requests before it are answered")
	errWSVersion      = invalid("Sec-WebSocket-Version must be 13")
	errWSKey          = invalid("Sec-WebSocket-Key must be 16 bytes in base64")
)

// lineTooLong is the error of a line that is too long, and what follows from it.
func (s *Site) lineTooLong(then string) *codec.Error {
	text := "the message is longer than messages.line.max_message_bytes, which is " +
		strconv.Itoa(s.Options.Line.MaxMessageBytes)
	if then != "" {
		text += ";" + then
	}
	return invalid(text)
}
