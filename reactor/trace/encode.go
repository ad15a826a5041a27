package trace

import (
	"crypto/rand"
	"os"
	"strconv"
	"strings"

	"weir/codec"
	"weir/registry/call"
)

// The messages of opentelemetry.proto.trace.v1, by the numbers of their fields. Names and values are those of
// OpenTelemetry's conventions for MCP, version 0.1.0; what begins with weir. is ours.

const (
	kindServer  = 2
	statusError = 2
	// Flags of a span and of a link: the W3C ones, then whether it is known that the parent, or what is linked, is
	// another process's, and that it is.
	flagSampled, flagKnown, flagRemote = 0x001, 0x100, 0x200
)

// encodeResource is who makes the spans.
func encodeResource(who Identity) []byte {
	return appendMessage(nil, 1, func(dst []byte) []byte {
		dst = appendText(dst, 1, "service.name", who.Name)
		dst = appendText(dst, 1, "service.version", who.Version)
		dst = appendText(dst, 1, "service.instance.id", rand.Text())
		dst = appendText(dst, 1, "host.name", who.Host)
		return appendNumber(dst, 1, "process.pid", uint64(os.Getpid()))
	})
}

// appendTraces appends a TracesData, which an ExportTraceServiceRequest is too.
func appendTraces(dst, resource []byte, spans []*call.Span) []byte {
	return appendMessage(dst, 1, func(dst []byte) []byte {
		dst = append(dst, resource...)
		return appendMessage(dst, 2, func(dst []byte) []byte {
			dst = appendMessage(dst, 1, func(dst []byte) []byte { return appendBytes(dst, 1, "weir") })
			for _, s := range spans {
				dst = appendMessage(dst, 2, func(dst []byte) []byte { return appendSpan(dst, s) })
			}
			return dst
		})
	})
}

func appendSpan(dst []byte, s *call.Span) []byte {
	dst = appendBytes(dst, 1, s.TraceID[:])
	dst = appendBytes(dst, 2, s.SpanID[:])
	if s.State != "" {
		dst = appendBytes(dst, 3, s.State)
	}
	flags := uint32(flagSampled | flagKnown)
	if s.Parent != [8]byte{} {
		dst = appendBytes(dst, 4, s.Parent[:])
		flags |= flagRemote
	}
	dst = appendBytes(dst, 5, nameOf(s))
	dst = appendUint(dst, 6, kindServer)
	dst = appendFixed64(dst, 7, uint64(s.Began.UnixNano()))
	dst = appendFixed64(dst, 8, uint64(s.Ended.UnixNano()))
	dst = appendAttributes(dst, s)
	if s.Link.Valid() {
		dst = appendMessage(dst, 13, func(dst []byte) []byte {
			dst = appendBytes(dst, 1, s.Link.TraceID[:])
			dst = appendBytes(dst, 2, s.Link.SpanID[:])
			linked := uint32(flagKnown | flagRemote)
			if s.Link.Sampled {
				linked |= flagSampled
			}
			return appendFixed32(dst, 6, linked)
		})
	}
	if errorType(s) != "" {
		dst = appendMessage(dst, 15, func(dst []byte) []byte {
			if s.Message != "" {
				dst = appendBytes(dst, 2, strings.ToValidUTF8(s.Message, ""))
			}
			return appendUint(dst, 3, statusError)
		})
	}
	return appendFixed32(dst, 16, flags)
}

// nameOf is the name of a span: few enough to be told apart by people, so nothing that peers choose is in it.
func nameOf(s *call.Span) string {
	if s.Known {
		return s.Method + " " + s.Target
	}
	return s.Method
}

// errorType is what went wrong; "" when nothing did.
func errorType(s *call.Span) string {
	switch {
	case s.Code != 0:
		return strconv.Itoa(s.Code)
	case s.Outcome == call.EndedOK.String(), s.Outcome == call.OutcomeTask:
		return ""
	}
	return s.Outcome
}

func appendAttributes(dst []byte, s *call.Span) []byte {
	const of = 9
	dst = appendText(dst, of, "mcp.method.name", s.Method)
	switch s.Kind {
	case call.TargetTool:
		dst = appendText(dst, of, "gen_ai.tool.name", s.Target)
		dst = appendText(dst, of, "gen_ai.operation.name", "execute_tool")
	case call.TargetPrompt:
		dst = appendText(dst, of, "gen_ai.prompt.name", s.Target)
	case call.TargetResource:
		dst = appendText(dst, of, "mcp.resource.uri", s.Target)
	}
	id := s.Request
	if text, is := codec.StringOf([]byte(id)); is {
		id = string(text)
	}
	dst = appendText(dst, of, "jsonrpc.request.id", id)
	dst = appendText(dst, of, "mcp.protocol.version", s.Revision)
	dst = appendText(dst, of, "mcp.session.id", s.Session)
	dst = appendNetwork(dst, of, s)
	if s.Peer.IsValid() {
		dst = appendText(dst, of, "client.address", s.Peer.String())
	}
	dst = appendText(dst, of, "error.type", errorType(s))
	if s.Code != 0 {
		dst = appendText(dst, of, "rpc.response.status_code", strconv.Itoa(s.Code))
	}
	dst = appendText(dst, of, "weir.outcome", s.Outcome)
	return appendText(dst, of, "weir.reason", s.Reason)
}

// appendNetwork says how the request came.
func appendNetwork(dst []byte, of int, s *call.Span) []byte {
	transport, protocol, version := "tcp", "", ""
	switch s.Listener {
	case "http":
		protocol, version = "http", "1.1"
		if s.HTTP10 {
			version = "1.0"
		}
		if s.WebSocket {
			protocol, version = "websocket", ""
		}
	case "tcp":
	case "unix":
		transport = "unix"
	default: // standard input and output
		transport = "pipe"
	}
	dst = appendText(dst, of, "network.transport", transport)
	dst = appendText(dst, of, "network.protocol.name", protocol)
	return appendText(dst, of, "network.protocol.version", version)
}

// appendText appends an attribute, unless it is empty.
func appendText(dst []byte, of int, key, value string) []byte {
	if value == "" {
		return dst
	}
	return appendMessage(dst, of, func(dst []byte) []byte {
		dst = appendBytes(dst, 1, key)
		return appendMessage(dst, 2, func(dst []byte) []byte {
			return appendBytes(dst, 1, strings.ToValidUTF8(value, ""))
		})
	})
}

func appendNumber(dst []byte, of int, key string, value uint64) []byte {
	return appendMessage(dst, of, func(dst []byte) []byte {
		dst = appendBytes(dst, 1, key)
		return appendMessage(dst, 2, func(dst []byte) []byte { return appendUint(dst, 3, value) })
	})
}
