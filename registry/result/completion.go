package result

import (
	"strconv"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/protocol"
)

// maxCompletions is how many values one answer holds (MCP, server/utilities/completion: at most 100).
const maxCompletions = 100

// AppendCompletion appends the response to a completion/complete; nil is no values.
func (e *Encoder) AppendCompletion(dst []byte, to Request, result *mcp.CompleteResult) ([]byte, *codec.Error) {
	if result == nil {
		result = new(mcp.CompleteResult)
	}
	c := result.Completion // a copy
	if len(c.Values) > maxCompletions {
		c.Total, c.HasMore = max(c.Total, len(c.Values)), true
		c.Values = c.Values[:maxCompletions]
	}
	size := 0
	for _, value := range c.Values {
		size += len(value)
	}
	if size > e.opt.MaxBytes {
		return nil, protocol.ResultTooLarge(size, e.opt.MaxBytes) // before the buffer grows
	}
	dst = append(AppendHead(dst, to.ID), `{"completion":{"values":[`...)
	for i, value := range c.Values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = codec.AppendQuoted(dst, value)
	}
	dst = append(dst, ']')
	if c.Total > 0 {
		dst = strconv.AppendInt(append(dst, `,"total":`...), int64(c.Total), 10)
	}
	dst = strconv.AppendBool(append(dst, `,"hasMore":`...), c.HasMore)
	return e.appendTail(append(dst, '}'), to, result.Meta)
}
