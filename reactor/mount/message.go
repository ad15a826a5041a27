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

// callRoom is what a request takes beside what is copied of the client's.
const callRoom = 512

// appendHead begins a request of ours, up to the members of its params.
func appendHead(dst []byte, id uint64, method string) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","id":`...)
	dst = strconv.AppendUint(dst, id, 10)
	dst = append(dst, `,"method":"`...)
	return append(append(dst, method...), `","params":{`...)
}

// appendCall appends the tools/call that stands for a client's; meta are members for its _meta.
func appendCall(dst []byte, id uint64, name string, c *call.Call, meta string) []byte {
	dst = codec.AppendQuoted(append(appendHead(dst, id, "tools/call"), `"name":`...), name)
	if arguments := c.Env.Arguments.Of(c.Raw); arguments != nil {
		dst = codec.AppendOneLine(append(dst, `,"arguments":`...), arguments)
	}
	from := len(dst)
	dst = append(dst, `,"_meta":{`...)
	first := len(dst)
	dst = append(dst, meta...)
	if c.Env.ProgressToken.Present() {
		dst = strconv.AppendUint(append(comma(dst, first), `"progressToken":`...), id, 10)
	}
	theirs := c.Env.Meta.Of(c.Raw)
	for off := 0; theirs != nil; {
		key, value, next := codec.NextMember(theirs, off)
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
		dst = dst[:from]
	} else {
		dst = append(dst, '}')
	}
	return append(dst, "}}\n"...)
}

// comma puts one behind a member that is there.
func comma(dst []byte, first int) []byte {
	if len(dst) > first {
		return append(dst, ',')
	}
	return dst
}

// ofProtocol says whether a member of _meta is the protocol's own.
func ofProtocol(name []byte) bool { return strings.HasPrefix(string(name), protocol.KeyPrefix) }

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
