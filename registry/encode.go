package registry

import (
	"encoding/json"
	"errors"
	"maps"
	"unsafe"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/feature"
	"weir/registry/protocol"
	"weir/registry/value"
)

// appendHead opens a response whose result is appended piece by piece, without a buffer in between.
func appendHead(dst, id []byte) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","id":`...)
	dst = append(dst, id...)
	return append(dst, `,"result":`...)
}

// appendCallResult appends the response to a tools/call, as the exchange's revision wants it. On error nothing that was
// appended counts. Nothing in rep is written to.
func (r *Registry) appendCallResult(dst []byte, x *Exchange, rep reply) ([]byte, *codec.Error) {
	var content []mcp.Content
	var isError bool
	if rep.result != nil {
		content, isError = rep.result.Content, rep.result.IsError
		if asked(rep.result.InputRequests, rep.result.RequestState) {
			return r.appendInputRequired(dst, x, rep.result.InputRequests, rep.result.RequestState)
		}
	}
	start := len(dst)
	if textBytes, ok := plainTexts(rep.result, content); ok {
		if textBytes+len(rep.structured) > r.opt.MaxResultBytes {
			return nil, protocol.ErrResultTooLarge // before the buffer grows
		}
		dst = appendPlainResult(appendHead(dst, x.ID()), x.rev(), content, rep.structured)
		if isError {
			dst = append(dst, `,"isError":true`...)
		}
		if x.rev().Modern {
			dst = append(dst, r.prepared.suffix...)
		}
		dst = append(dst, "}}"...)
	} else {
		result, err := r.encodeRichResult(x.rev(), rep)
		if err != nil {
			return nil, encodingError(err)
		}
		if len(result) > r.opt.MaxResultBytes {
			return nil, protocol.ErrResultTooLarge
		}
		dst = codec.AppendResult(dst, x.ID(), result)
	}
	if len(dst)-start > r.opt.MaxResultBytes {
		return nil, protocol.ErrResultTooLarge
	}
	return dst, nil
}

// plainTexts says whether a result is only texts, which is most of them, and how long they are together.
func plainTexts(result *mcp.CallToolResult, content []mcp.Content) (textBytes int, ok bool) {
	if result == nil {
		return 0, true
	}
	if result.Meta != nil || result.StructuredContent != nil {
		return 0, false
	}
	for _, c := range content {
		text, plain := plainText(c)
		if !plain {
			return 0, false
		}
		textBytes += len(text)
	}
	return textBytes, true
}

// plainText is the text of a content that is nothing else.
func plainText(c mcp.Content) (string, bool) {
	text, isText := c.(*mcp.TextContent)
	if !isText || text == nil || text.Meta != nil || text.Annotations != nil {
		return "", false
	}
	return text.Text, true
}

// appendPlainResult appends {"content":[...] and structuredContent, and leaves the object open.
func appendPlainResult(dst []byte, rev *protocol.Revision, content []mcp.Content, structured []byte) []byte {
	dst = append(dst, `{"content":[`...)
	for i, c := range content {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendText(dst, c.(*mcp.TextContent).Text)
	}
	if structured != nil && textFallback(content, structured) {
		if len(content) > 0 {
			dst = append(dst, ',')
		}
		dst = appendText(dst, unsafe.String(unsafe.SliceData(structured), len(structured)))
	}
	dst = append(dst, ']')
	if structured != nil && rev.Structured.Allows(structured[0] == '{') {
		dst = append(dst, `,"structuredContent":`...)
		dst = append(dst, structured...) // encoding/json made it: one line
	}
	return dst
}

func appendText(dst []byte, text string) []byte {
	dst = append(dst, `{"type":"text","text":`...)
	dst = codec.AppendQuoted(dst, text)
	return append(dst, '}')
}

// textFallback: structured content is repeated as text for clients that do not read it: when the handler gave no
// content (MCP 2025-06-18, server/tools, structured content), and always when it is no object, which revisions before
// 2026-07-28 cannot carry.
func textFallback(content []mcp.Content, structured []byte) bool {
	return content == nil || structured[0] != '{'
}

// encodeRichResult encodes what is more than texts with the SDK's own encoders.
func (r *Registry) encodeRichResult(rev *protocol.Revision, rep reply) ([]byte, error) {
	content, ok := feature.VisibleContents(rev, rep.result.Content)
	if !ok {
		return nil, protocol.ErrResultEncoding
	}
	// A new one, because the handler may return the same to several calls, and of these members alone: what comes
	// through an adopted server has a resultType of the SDK's in it.
	result := mcp.CallToolResult{
		Meta: rep.result.Meta, Content: content,
		StructuredContent: rep.result.StructuredContent, IsError: rep.result.IsError,
	}
	if rep.structured != nil {
		if textFallback(result.Content, rep.structured) {
			text := &mcp.TextContent{Text: string(rep.structured)}
			result.Content = append(append([]mcp.Content(nil), result.Content...), text)
		}
		result.StructuredContent = json.RawMessage(rep.structured)
	}
	if result.Content == nil {
		result.Content = []mcp.Content{} // content is required: null is not an array
	}
	if result.StructuredContent != nil {
		encoded, err := value.Marshal(result.StructuredContent)
		if err != nil {
			return nil, err
		}
		result.StructuredContent = json.RawMessage(encoded)
		if !rev.Structured.Allows(encoded[0] == '{') {
			result.StructuredContent = nil
		}
	}
	if rev.Modern {
		result.Meta = r.identified(result.Meta)
	}
	encoded, err := value.Marshal(&result)
	if err != nil || !rev.Modern {
		return encoded, err
	}
	// The SDK keeps resultType to itself, so it is written where the object ends.
	encoded = append(encoded[:len(encoded)-1], ","+memberResult+"}"...)
	return encoded, nil
}

// identified is a result's _meta as the modern era wants it: it says who answers (MCP 2026-07-28, basic/index). meta is
// the handler's and is not written to.
func (r *Registry) identified(meta mcp.Meta) mcp.Meta {
	meta = maps.Clone(meta)
	if meta == nil {
		meta = make(mcp.Meta, 1)
	}
	if _, given := meta[protocol.KeyServerInfo]; !given {
		meta[protocol.KeyServerInfo] = json.RawMessage(r.prepared.identity)
	}
	return meta
}

// appendTail ends a response whose result is open behind a member: with its type, its _meta, and the brackets.
func (r *Registry) appendTail(dst []byte, x *Exchange, meta mcp.Meta) ([]byte, *codec.Error) {
	modern := x.rev().Modern
	switch {
	case meta == nil && modern:
		dst = append(dst, r.prepared.suffix...)
	case meta != nil:
		if modern {
			dst = append(dst, ","+memberResult...)
			meta = r.identified(meta)
		}
		var e *codec.Error
		if dst, e = appendMarshaled(append(dst, `,"_meta":`...), meta); e != nil {
			return nil, e
		}
	}
	return append(dst, "}}"...), nil
}

// encodingError says what is wrong with a result that cannot be encoded.
func encodingError(err error) *codec.Error {
	if errors.Is(err, value.ErrDepth) {
		return protocol.ErrResultDepth
	}
	return protocol.ErrResultEncoding
}

// appendMarshaled appends what only encoding/json can encode, bounded and repaired.
func appendMarshaled(dst []byte, v any) ([]byte, *codec.Error) {
	encoded, err := value.Marshal(v)
	if err != nil {
		return nil, encodingError(err)
	}
	return append(dst, encoded...), nil
}
