package result

import (
	"encoding/json"
	"unsafe"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/feature"
	"weir/registry/protocol"
	"weir/registry/value"
)

// Reply is what came of a call of a tool.
type Reply struct {
	Result     *mcp.CallToolResult // as the handler returned it, never written to; nil is an empty one
	Structured []byte              // the typed output as checked JSON; nil when there is none
}

// AppendReply appends the response to a tools/call.
func (e *Encoder) AppendReply(dst []byte, to Request, reply Reply) ([]byte, *codec.Error) {
	var content []mcp.Content
	var isError bool
	if reply.Result != nil {
		content, isError = reply.Result.Content, reply.Result.IsError
	}
	start := len(dst)
	if textBytes, ok := plainTexts(reply.Result, content); ok {
		if textBytes+len(reply.Structured) > e.opt.MaxBytes {
			return nil, protocol.ResultTooLarge(textBytes+len(reply.Structured), e.opt.MaxBytes) // before the buffer grows
		}
		dst = appendPlain(AppendHead(dst, to.ID), to.revision(), content, reply.Structured)
		if isError {
			dst = append(dst, `,"isError":true`...)
		}
		dst = e.AppendEnd(dst, to)
	} else {
		encoded, err := e.encodeRich(to.revision(), reply)
		if err != nil {
			return nil, EncodingError(err)
		}
		if len(encoded) > e.opt.MaxBytes {
			return nil, protocol.ResultTooLarge(len(encoded), e.opt.MaxBytes)
		}
		dst = codec.AppendResult(dst, to.ID, encoded)
	}
	if len(dst)-start > e.opt.MaxBytes {
		return nil, protocol.ResultTooLarge(len(dst)-start, e.opt.MaxBytes)
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

// appendPlain appends {"content":[...] and structuredContent, and leaves the object open.
func appendPlain(dst []byte, rev *protocol.Revision, content []mcp.Content, structured []byte) []byte {
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

// encodeRich encodes what is more than texts with the SDK's own encoders.
func (e *Encoder) encodeRich(rev *protocol.Revision, reply Reply) ([]byte, error) {
	content, err := feature.VisibleContents(rev, reply.Result.Content)
	if err != nil {
		return nil, err
	}
	// A new one, because the handler may return the same to several calls, and of these members alone: what comes
	// through an adopted server has a resultType of the SDK's in it.
	result := mcp.CallToolResult{
		Meta: reply.Result.Meta, Content: content,
		StructuredContent: reply.Result.StructuredContent, IsError: reply.Result.IsError,
	}
	if reply.Structured != nil {
		if textFallback(result.Content, reply.Structured) {
			text := &mcp.TextContent{Text: string(reply.Structured)}
			result.Content = append(append([]mcp.Content(nil), result.Content...), text)
		}
		result.StructuredContent = json.RawMessage(reply.Structured)
	}
	if result.Content == nil {
		result.Content = []mcp.Content{} // content is required: null is not an array
	}
	if result.StructuredContent != nil {
		encoded, err := value.Marshal(result.StructuredContent)
		if err != nil {
			return nil, at("structuredContent", err)
		}
		result.StructuredContent = json.RawMessage(encoded)
		if !rev.Structured.Allows(encoded[0] == '{') {
			result.StructuredContent = nil
			if len(result.Content) == 0 && string(encoded) != "null" { // else it would be lost
				result.Content = []mcp.Content{&mcp.TextContent{Text: string(encoded)}}
			}
		}
	}
	if rev.Modern {
		result.Meta = e.identified(result.Meta)
	}
	encoded, err := value.Marshal(&result)
	if err != nil {
		return nil, blame(&result, err)
	}
	if !rev.Modern {
		return encoded, nil
	}
	// The SDK keeps resultType to itself, so it is written where the object ends.
	encoded = append(encoded[:len(encoded)-1], ","+memberResult+"}"...)
	return encoded, nil
}

// blame says in which member of a result an error of value.Marshal is.
func blame(result *mcp.CallToolResult, err error) error {
	for i, c := range result.Content {
		if _, err := value.Marshal(c); err != nil {
			return at(place("content", i), err)
		}
	}
	return at("_meta", err)
}
