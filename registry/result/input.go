package result

import (
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/protocol"
	"weir/registry/value"
)

// EncodeRequests is what a handler asks for as it is sent; nil for nothing.
func EncodeRequests(requests mcp.InputRequestMap) ([]byte, *codec.Error) {
	if len(requests) == 0 {
		return nil, nil
	}
	encoded, err := value.Marshal(requests)
	if err != nil {
		return nil, EncodingError(at("inputRequests", err))
	}
	return encoded, nil
}

// AppendInputRequired appends a response of the modern era that asks for input (MCP 2026-07-28, basic/patterns/mrtr):
// requests, as EncodeRequests made them, and what its client is to bring back, sealed; nil is none.
func (e *Encoder) AppendInputRequired(dst, id, requests, sealed []byte) ([]byte, *codec.Error) {
	from := len(dst)
	dst = append(AppendHead(dst, id), `{"resultType":"input_required"`...)
	if requests != nil {
		dst = append(append(dst, `,"inputRequests":`...), requests...)
	}
	if sealed != nil {
		dst = append(append(append(dst, `,"requestState":"`...), sealed...), '"')
	}
	dst = e.AppendIdentified(dst)
	if len(dst)-from > e.opt.MaxBytes {
		return nil, protocol.ResultTooLarge(len(dst)-from, e.opt.MaxBytes)
	}
	return dst, nil
}

// Asks says whether a result asks for input instead of being one; besides: it has contents too. A state alone asks the
// client to come again, and is nothing beside contents, as in the SDK.
func Asks(requests mcp.InputRequestMap, state string, besides bool) bool {
	return requests != nil || state != "" && !besides
}

// HasContents says whether the result of a tool is one, whatever it asks for.
func HasContents(r *mcp.CallToolResult) bool { return len(r.Content) > 0 || r.StructuredContent != nil }
