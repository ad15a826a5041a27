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

// Kind is what a result is that another server sent.
type Kind uint8

// The results that are passed on.
const (
	OfTool Kind = iota
	OfPrompt
	OfResource
	OfCompletion
)

// Relayed is a result that another server sent by the rules of the revision with the place Revision: a token that
// codec.Scan has checked.
type Relayed struct {
	Kind     Kind
	Result   []byte
	Revision int
}

// private is for how long contents may be kept that say nothing of it, and by whom.
const private = `"ttlMs":0,"cacheScope":"private"`

// AppendRelayed appends the response with a result that another server sent.
func (e *Encoder) AppendRelayed(dst []byte, to Request, r Relayed) ([]byte, *codec.Error) {
	rev, sender, result := to.revision(), protocol.RevisionAt(r.Revision), r.Result
	if len(result) > e.opt.MaxBytes {
		return nil, protocol.ResultTooLarge(len(result), e.opt.MaxBytes)
	}
	if len(result) == 0 || result[0] != '{' {
		return nil, errRelayed
	}
	switch {
	case !rev.Links && sender.Links && r.Kind != OfCompletion:
		return e.appendOlder(dst, to, r)
	case !rev.Modern && !sender.Modern:
		return append(append(AppendHead(dst, to.ID), result...), '}'), nil
	case rev.Modern && isPlain(result):
		dst = append(AppendHead(dst, to.ID), bytes.TrimRight(result[:len(result)-1], " \t")...)
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		if r.Kind == OfResource {
			dst = append(dst, private+","...)
		}
		return append(append(dst, e.suffix[1:]...), "}}"...), nil
	}
	return e.appendWalked(dst, to, r), nil
}

// isPlain says whether a result surely has no member that is replaced on the way, also not one that is escaped.
func isPlain(result []byte) bool {
	return !bytes.Contains(result, []byte(`"_meta"`)) && !bytes.Contains(result, []byte(`"resultType"`)) &&
		!bytes.Contains(result, []byte(`"ttlMs"`)) && !bytes.Contains(result, []byte(`"cacheScope"`)) &&
		!bytes.Contains(result, []byte(`\u`))
}

// appendWalked copies the members of a result one by one.
func (e *Encoder) appendWalked(dst []byte, to Request, r Relayed) []byte {
	rev, cacheable := to.revision(), r.Kind == OfResource
	dst = append(AppendHead(dst, to.ID), '{')
	first := len(dst)
	var meta []byte
	for off := 0; ; {
		key, value, next := codec.NextMember(r.Result, off)
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
		case "ttlMs", "cacheScope":
			if cacheable {
				continue
			}
		case "structuredContent":
			if !rev.Structured.Allows(value[0] == '{') {
				continue
			}
		}
		dst = appendMember(dst, first, key, value)
	}
	if rev.Modern && cacheable {
		dst = appendForeignCaching(dst, first, r)
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

// appendForeignCaching appends what a server of the modern era said of caching, or that nobody may keep what came.
func appendForeignCaching(dst []byte, first int, r Relayed) []byte {
	ttl, scope := codec.Member(r.Result, "ttlMs"), codec.Member(r.Result, "cacheScope")
	if !protocol.RevisionAt(r.Revision).Modern || ttl == nil || scope == nil {
		ttl, scope = []byte("0"), []byte(`"private"`)
	}
	dst = appendMember(dst, first, []byte(`"ttlMs"`), ttl)
	return appendMember(dst, first, []byte(`"cacheScope"`), scope)
}

// appendOlder decodes a result for a client of a revision that has not all kinds of content.
func (e *Encoder) appendOlder(dst []byte, to Request, r Relayed) ([]byte, *codec.Error) {
	switch r.Kind {
	case OfPrompt:
		var decoded mcp.GetPromptResult
		if json.Unmarshal(r.Result, &decoded) != nil {
			return nil, errRelayed
		}
		return e.AppendPrompt(dst, to, &decoded)
	case OfResource:
		var decoded mcp.ReadResourceResult
		if json.Unmarshal(r.Result, &decoded) != nil {
			return nil, errRelayed
		}
		return e.AppendContents(dst, to, Resource{}, &decoded)
	}
	var decoded mcp.CallToolResult
	if err := json.Unmarshal(r.Result, &decoded); err != nil {
		return nil, errRelayed
	}
	if raw := codec.Member(r.Result, "structuredContent"); raw != nil {
		structured, err := value.Marshal(json.RawMessage(raw)) // with the digits that its numbers have
		if err != nil {
			return nil, EncodingError(err)
		}
		decoded.StructuredContent = json.RawMessage(structured)
	}
	return e.AppendReply(dst, to, Reply{Result: &decoded})
}
