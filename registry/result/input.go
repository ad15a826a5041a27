package result

import (
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/protocol"
	"weir/registry/value"
)

// AppendInputRequired appends a response of the modern era that asks for input (MCP 2026-07-28, basic/patterns/mrtr).
// seal appends the state that its client is to bring back, sealed; it is called when one MUST be there.
func (e *Encoder) AppendInputRequired(dst, id []byte, requests mcp.InputRequestMap, state string,
	seal func(dst []byte, state string) []byte,
) ([]byte, *codec.Error) {
	from := len(dst)
	dst = append(AppendHead(dst, id), `{"resultType":"input_required"`...)
	if len(requests) > 0 {
		encoded, err := value.Marshal(requests)
		if err != nil {
			return nil, encodingError(err)
		}
		dst = append(append(dst, `,"inputRequests":`...), encoded...)
	}
	if state != "" || len(requests) == 0 { // at least one of the two MUST be there
		dst = append(seal(append(dst, `,"requestState":"`...), state), '"')
	}
	dst = e.AppendIdentified(dst)
	if len(dst)-from > e.opt.MaxBytes {
		return nil, protocol.ErrResultTooLarge
	}
	return dst, nil
}

// Asks says whether a result asks for input instead of being one.
func Asks(requests mcp.InputRequestMap, state string) bool { return requests != nil || state != "" }
