package result

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/protocol"
	"weir/registry/value"
)

// A result of another server's is passed on as the bytes that came, as far as both sides speak alike. What belongs to
// one hop of the way is replaced: resultType, and what the protocol itself keeps in _meta.

// protocolPrefix begins what the protocol itself keeps in _meta.
const protocolPrefix = "io.modelcontextprotocol/"

// AppendRelayed appends the response to a tools/call with a result that another server sent by the rules of the
// revision with the place from: a token that codec.Scan has checked.
func (e *Encoder) AppendRelayed(dst []byte, to Request, result []byte, from int) ([]byte, *codec.Error) {
	rev, sender := to.revision(), protocol.RevisionAt(from)
	if len(result) > e.opt.MaxBytes {
		return nil, protocol.ResultTooLarge(len(result), e.opt.MaxBytes)
	}
	if len(result) == 0 || result[0] != '{' {
		return nil, errRelayed
	}
	switch {
	case !rev.Links && sender.Links:
		return e.appendOlder(dst, to, result)
	case !rev.Modern && !sender.Modern:
		return append(append(AppendHead(dst, to.ID), result...), '}'), nil
	case rev.Modern && isPlain(result):
		dst = append(AppendHead(dst, to.ID), bytes.TrimRight(result[:len(result)-1], " \t")...)
		if dst[len(dst)-1] == '{' {
			return append(append(dst, e.suffix[1:]...), "}}"...), nil
		}
		return append(append(dst, e.suffix...), "}}"...), nil
	}
	return e.appendWalked(dst, to, result), nil
}

// isPlain says whether a result surely has no member that is replaced on the way, also not one that is escaped.
func isPlain(result []byte) bool {
	return !bytes.Contains(result, []byte(`"_meta"`)) && !bytes.Contains(result, []byte(`"resultType"`)) &&
		!bytes.Contains(result, []byte(`\u`))
}

// appendWalked copies the members of a result one by one.
func (e *Encoder) appendWalked(dst []byte, to Request, result []byte) []byte {
	rev := to.revision()
	dst = append(AppendHead(dst, to.ID), '{')
	first := len(dst)
	var meta []byte
	for off := 0; ; {
		key, value, next := codec.NextMember(result, off)
		if next <= 0 {
			break
		}
		off = next
		switch name, _ := codec.StringOf(key); string(name) {
		case "_meta":
			meta = value
			continue
		case "resultType":
			continue
		case "structuredContent":
			if !rev.Structured.Allows(value[0] == '{') {
				continue
			}
		}
		dst = appendMember(dst, first, key, value)
	}
	if rev.Modern {
		dst = appendMember(dst, first, []byte(`"resultType"`), []byte(`"complete"`))
	}
	if meta = e.appendForeignMeta(nil, rev, meta); meta != nil {
		dst = appendMember(dst, first, []byte(`"_meta"`), meta)
	}
	return append(dst, "}}"...)
}

// appendForeignMeta appends what of another server's _meta is for the client, with who answers in the modern era; nil
// for nothing.
func (e *Encoder) appendForeignMeta(dst []byte, rev *protocol.Revision, meta []byte) []byte {
	dst = append(dst, '{')
	if rev.Modern {
		dst = appendMember(dst, 1, []byte(`"`+protocol.KeyServerInfo+`"`), e.identity)
	}
	for off := 0; ; {
		key, value, next := codec.NextMember(meta, off)
		if next <= 0 {
			break
		}
		off = next
		if name, _ := codec.StringOf(key); !strings.HasPrefix(string(name), protocolPrefix) {
			dst = appendMember(dst, 1, key, value)
		}
	}
	if len(dst) == 1 {
		return nil
	}
	return append(dst, '}')
}

// appendMember appends a member to an object that began at first.
func appendMember(dst []byte, first int, key, value []byte) []byte {
	if len(dst) > first {
		dst = append(dst, ',')
	}
	return append(append(append(dst, key...), ':'), value...)
}

// appendOlder decodes a result for a client of a revision that has not all kinds of content.
func (e *Encoder) appendOlder(dst []byte, to Request, result []byte) ([]byte, *codec.Error) {
	var decoded mcp.CallToolResult
	if err := json.Unmarshal(result, &decoded); err != nil {
		return nil, errRelayed
	}
	if raw := codec.Member(result, "structuredContent"); raw != nil {
		structured, err := value.Marshal(json.RawMessage(raw)) // with the digits that its numbers have
		if err != nil {
			return nil, EncodingError(err)
		}
		decoded.StructuredContent = json.RawMessage(structured)
	}
	return e.AppendReply(dst, to, Reply{Result: &decoded})
}
