package hop

import (
	"strconv"
	"strings"

	"weir/codec"
	"weir/registry/call"
	"weir/registry/protocol"
)

// Prefix begins what the protocol itself keeps in _meta.
const Prefix = "io.modelcontextprotocol/"

// Room is what a request takes beside what is copied of the client's.
const Room = 512

// AppendHead begins a request of ours, up to the members of its params.
func AppendHead(dst []byte, id uint64, method string) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","id":`...)
	dst = strconv.AppendUint(dst, id, 10)
	dst = append(dst, `,"method":"`...)
	return append(append(dst, method...), `","params":{`...)
}

// Hop is how requests go to one upstream.
type Hop struct {
	// Modern: it speaks the modern era. Meta are the members of _meta in every request then.
	Modern bool
	Meta   string
	// Logs: it is told in every request of the modern era which log messages its client wants.
	Logs bool
}

// AppendCall appends the request that stands for a client's, of what is called name there.
func (h Hop) AppendCall(dst []byte, id uint64, name string, f *call.Forwarded) []byte {
	c := f.Call
	dst = AppendHead(dst, id, f.Method)
	first := len(dst)
	switch f.Method {
	case "resources/read":
		dst = append(append(dst, `"uri":`...), c.Env.URI.Of(c.Raw)...)
	case "completion/complete":
		dst = appendCompletion(dst, name, c.Env.Params.Of(c.Raw))
	default:
		dst = codec.AppendQuoted(append(dst, `"name":`...), name)
		if arguments := c.Env.Arguments.Of(c.Raw); arguments != nil {
			dst = codec.AppendOneLine(append(dst, `,"arguments":`...), arguments)
		}
	}
	return append(h.appendMeta(dst, first, id, c), "}}\n"...)
}

// appendCompletion appends the params of a completion/complete, in which a prompt is called what the upstream calls it.
func appendCompletion(dst []byte, name string, params []byte) []byte {
	first := len(dst)
	for off := 0; ; {
		key, value, next := codec.NextMember(params, off)
		if next <= 0 {
			return dst
		}
		off = next
		member, _ := codec.StringOf(key)
		if string(member) == "_meta" {
			continue
		}
		dst = append(append(Comma(dst, first), key...), ':')
		if of, _ := codec.StringOf(codec.Member(value, "type")); string(member) == "ref" && string(of) == "ref/prompt" {
			dst = append(codec.AppendQuoted(append(dst, `{"type":"ref/prompt","name":`...), name), '}')
			continue
		}
		dst = codec.AppendOneLine(dst, value)
	}
}

// appendMeta appends what goes upstream of a client's _meta, behind the members of params that begin at first.
func (h Hop) appendMeta(dst []byte, first int, id uint64, c *call.Call) []byte {
	from := len(dst)
	dst = append(Comma(dst, first), `"_meta":{`...)
	first = len(dst)
	if h.Modern {
		dst = append(dst, h.Meta...)
		if lowest, some := Level(c); some && h.Logs {
			dst = append(append(append(dst, `,"`+Prefix+`logLevel":"`...), lowest.String()...), '"')
		}
	}
	if c.Env.ProgressToken.Present() {
		dst = strconv.AppendUint(append(Comma(dst, first), `"progressToken":`...), id, 10)
	}
	meta := c.Env.Meta.Of(c.Raw)
	for off := 0; meta != nil; {
		key, value, next := codec.NextMember(meta, off)
		if next <= 0 {
			break
		}
		off = next
		if name, _ := codec.StringOf(key); string(name) == "progressToken" || ofProtocol(name) {
			continue
		}
		dst = append(append(Comma(dst, first), key...), ':')
		dst = codec.AppendOneLine(dst, value)
	}
	if len(dst) == first {
		return dst[:from]
	}
	return append(dst, '}')
}

// Comma puts one behind a member that is there.
func Comma(dst []byte, first int) []byte {
	if len(dst) > first {
		return append(dst, ',')
	}
	return dst
}

// ofProtocol says whether a member of _meta is the protocol's own.
func ofProtocol(name []byte) bool { return strings.HasPrefix(string(name), Prefix) }

// AppendCancelled appends the notification that takes a request back.
func AppendCancelled(dst []byte, id uint64) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":`...)
	return append(strconv.AppendUint(dst, id, 10), "}}\n"...)
}

// AppendProgress appends an upstream's progress as the client of c understands it.
func AppendProgress(dst []byte, c *call.Call, params []byte) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":`...)
	dst = append(dst, c.Env.ProgressToken.Of(c.Raw)...)
	for off := 0; ; {
		key, value, next := codec.NextMember(params, off)
		if next <= 0 {
			break
		}
		off = next
		switch name, _ := codec.StringOf(key); string(name) {
		case "progressToken", "_meta":
			continue
		case "message":
			if !c.Rev().Annotations {
				continue
			}
		}
		dst = append(append(append(append(dst, ','), key...), ':'), value...)
	}
	return append(dst, "}}"...)
}

// Translated is an upstream's error in the words of the client's era: only that there is no such resource has a code
// of its own in each.
func Translated(f *call.Forwarded, e *codec.Error) *codec.Error {
	rev := f.Call.Rev()
	if f.Method != "resources/read" || e.Code == rev.ResourceNotFound || e.Code != codec.CodeResourceNotFound &&
		(e.Code != codec.CodeInvalidParams || e.Message != protocol.MessageResourceNotFound) {
		return e
	}
	uri, _ := codec.StringOf(f.Call.Env.URI.Of(f.Call.Raw))
	return rev.ResourceNotFoundError(string(uri))
}

// Level is the lowest level of log messages that the client of c wants; false: it wants none.
func Level(c *call.Call) (protocol.LogLevel, bool) {
	if c.Modern() {
		name, _ := codec.StringOf(c.Env.LogLevel.Of(c.Raw))
		return protocol.ParseLogLevel(name)
	}
	if c.Conv == nil {
		return 0, false
	}
	return c.Conv.LogLevel(), true
}

// AppendLogged appends a log message without what is of one hop.
func AppendLogged(dst, params []byte) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","method":"notifications/message","params":{`...)
	first := len(dst)
	for off := 0; ; {
		key, value, next := codec.NextMember(params, off)
		if next <= 0 {
			return append(dst, "}}"...)
		}
		off = next
		if name, _ := codec.StringOf(key); string(name) != "_meta" {
			dst = codec.AppendOneLine(append(append(Comma(dst, first), key...), ':'), value)
		}
	}
}
