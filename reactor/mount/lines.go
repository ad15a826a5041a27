package mount

import (
	"strconv"
	"strings"

	"weir/codec"
	"weir/registry/call"
	"weir/registry/protocol"
)

// The lines that go upstream, put together from the bytes of what came. What the protocol itself keeps in _meta
// belongs to one hop: a client's is left out, and ours put in its place.

// protocolPrefix begins what the protocol itself keeps in _meta.
const protocolPrefix = "io.modelcontextprotocol/"

// callRoom is what a request takes beside what is copied of the client's.
const callRoom = 512

// appendHead begins a request of ours, up to the members of its params.
func appendHead(dst []byte, id uint64, method string) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","id":`...)
	dst = strconv.AppendUint(dst, id, 10)
	dst = append(dst, `,"method":"`...)
	return append(append(dst, method...), `","params":{`...)
}

// appendCall appends the request that stands for a client's.
func (u *upstream) appendCall(dst []byte, id uint64, name string, f *call.Forwarded) []byte {
	c := f.Call
	dst = appendHead(dst, id, f.Method)
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
	return append(u.appendMeta(dst, first, id, c), "}}\n"...)
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
		dst = append(append(comma(dst, first), key...), ':')
		if of, _ := codec.StringOf(codec.Member(value, "type")); string(member) == "ref" && string(of) == "ref/prompt" {
			dst = append(codec.AppendQuoted(append(dst, `{"type":"ref/prompt","name":`...), name), '}')
			continue
		}
		dst = codec.AppendOneLine(dst, value)
	}
}

// appendMeta appends what goes upstream of a client's _meta, behind the members of params that begin at first.
func (u *upstream) appendMeta(dst []byte, first int, id uint64, c *call.Call) []byte {
	from := len(dst)
	dst = append(comma(dst, first), `"_meta":{`...)
	first = len(dst)
	if u.isModern() {
		dst = append(dst, u.mount.of.modernMeta...)
		if lowest, some := level(c); some && u.logs {
			dst = append(append(append(dst, `,"`+protocolPrefix+`logLevel":"`...), lowest.String()...), '"')
		}
	}
	if c.Env.ProgressToken.Present() {
		dst = strconv.AppendUint(append(comma(dst, first), `"progressToken":`...), id, 10)
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
		dst = append(append(comma(dst, first), key...), ':')
		dst = codec.AppendOneLine(dst, value)
	}
	if len(dst) == first {
		return dst[:from]
	}
	return append(dst, '}')
}

// comma puts one behind a member that is there.
func comma(dst []byte, first int) []byte {
	if len(dst) > first {
		return append(dst, ',')
	}
	return dst
}

// ofProtocol says whether a member of _meta is the protocol's own.
func ofProtocol(name []byte) bool { return strings.HasPrefix(string(name), protocolPrefix) }

func (u *upstream) isModern() bool { return protocol.RevisionAt(int(u.revision)).Modern }

// appendCancelled appends the notification that takes a request back.
func appendCancelled(dst []byte, id uint64) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":`...)
	return append(strconv.AppendUint(dst, id, 10), "}}\n"...)
}

// appendProgress appends an upstream's progress as the client of c understands it.
func appendProgress(dst []byte, c *call.Call, params []byte) []byte {
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

// translated is an upstream's error in the words of the client's era: only that there is no such resource has a code
// of its own in each.
func translated(f *call.Forwarded, e *codec.Error) *codec.Error {
	rev := f.Call.Rev()
	if f.Method != "resources/read" || e.Code == rev.ResourceNotFound || e.Code != codec.CodeResourceNotFound &&
		(e.Code != codec.CodeInvalidParams || e.Message != protocol.MessageResourceNotFound) {
		return e
	}
	uri, _ := codec.StringOf(f.Call.Env.URI.Of(f.Call.Raw))
	return rev.ResourceNotFoundError(string(uri))
}
