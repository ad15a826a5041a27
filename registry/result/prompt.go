package result

import (
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/feature"
	"weir/registry/protocol"
)

// AppendPrompt appends the response to a prompts/get; nil is no messages.
func (e *Encoder) AppendPrompt(dst []byte, to Request, result *mcp.GetPromptResult) ([]byte, *codec.Error) {
	if result == nil {
		result = new(mcp.GetPromptResult)
	}
	dst = append(AppendHead(dst, to.ID), '{')
	if result.Description != "" {
		dst = codec.AppendQuoted(append(dst, `"description":`...), result.Description)
		dst = append(dst, ',')
	}
	dst = append(dst, `"messages":[`...)
	start := len(dst)
	for i, m := range result.Messages {
		if m == nil {
			return nil, protocol.ResultEncoding(place("messages", i) + ": it is nil")
		}
		if err := feature.CheckRole(m.Role); err != nil {
			return nil, EncodingError(at(place("messages", i), err))
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = codec.AppendQuoted(append(dst, `{"role":`...), string(m.Role))
		dst = append(dst, `,"content":`...)
		if text, plain := plainText(m.Content); plain {
			if len(text) > e.opt.MaxBytes {
				return nil, protocol.ResultTooLarge(len(text), e.opt.MaxBytes)
			}
			dst = appendText(dst, text)
		} else {
			content, err := feature.Visible(to.revision(), m.Content)
			if err != nil {
				return nil, EncodingError(at(place("messages", i), err))
			}
			var fail *codec.Error
			if dst, fail = appendMarshaled(dst, place("messages", i), content); fail != nil {
				return nil, fail
			}
		}
		dst = append(dst, '}')
		if len(dst)-start > e.opt.MaxBytes {
			return nil, protocol.ResultTooLarge(len(dst)-start, e.opt.MaxBytes) // before the buffer grows further
		}
	}
	return e.appendTail(append(dst, ']'), to, result.Meta)
}
