package clientreq

import (
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/protocol"
	"weir/registry/value"
)

//lint:file-ignore SA1019 sampling and roots are deprecated and still served to those who have them

// appendRequest appends one request of ours.
func appendRequest(dst []byte, id, key string, request mcp.InputRequest, amend func([]byte) []byte) ([]byte,
	*codec.Error) {
	encoded, err := value.Marshal(mcp.InputRequestMap{key: request})
	if err != nil {
		return nil, protocol.ErrResultEncoding
	}
	one := codec.Member(encoded, key)
	if one == nil { // a key that is escaped in JSON
		return nil, protocol.ErrResultEncoding
	}
	dst = append(append(dst, `{"jsonrpc":"2.0","id":`...), id...)
	dst = append(append(dst, `,"method":`...), codec.Member(one, "method")...)
	params := codec.Member(one, "params")
	if amend != nil {
		if params = amend(params); params == nil {
			return nil, protocol.ErrResultEncoding
		}
	}
	if params != nil {
		dst = append(append(dst, `,"params":`...), params...)
	}
	return append(dst, '}'), nil
}

// Needs is what a client must have declared that it can do, to be asked for these.
func Needs(requests mcp.InputRequestMap) (needed protocol.Capabilities) {
	for _, request := range requests {
		needed |= needs(request)
	}
	return needed
}

// elicitURL is the mode of an elicitation that sends its user to a URL.
const elicitURL = "url"

func needs(request mcp.InputRequest) protocol.Capabilities {
	switch p := request.(type) {
	case *mcp.ElicitParams:
		if p.Mode == elicitURL || p.Mode == "" && p.URL != "" {
			return protocol.ElicitURL
		}
		return protocol.ElicitForm
	case *mcp.CreateMessageWithToolsParams:
		if len(p.Tools) > 0 {
			return protocol.SamplingTools
		}
		return protocol.Sampling
	case *mcp.CreateMessageParams:
		return protocol.Sampling
	}
	return protocol.Roots
}
