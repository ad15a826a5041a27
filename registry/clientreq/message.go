package clientreq

import (
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/protocol"
	"weir/registry/value"
)

//lint:file-ignore SA1019 sampling and roots are deprecated and still served to those who have them

// onlyKey stands for the handler's, which is not sent.
const onlyKey = "r"

// appendRequest appends one request of ours.
func appendRequest(dst []byte, id string, request mcp.InputRequest, amend func([]byte) []byte) ([]byte,
	*codec.Error) {
	encoded, err := value.Marshal(mcp.InputRequestMap{onlyKey: request})
	if err != nil {
		return nil, protocol.ResultEncoding(err.Error())
	}
	one := codec.Member(encoded, onlyKey)
	dst = append(append(dst, `{"jsonrpc":"2.0","id":`...), id...)
	dst = append(append(dst, `,"method":`...), codec.Member(one, "method")...)
	params := codec.Member(one, "params")
	if amend != nil {
		if params = amend(params); params == nil {
			return nil, protocol.ResultEncoding("the request has no place for what belongs to its task")
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

// The modes of an elicitation: what it asks is in its schema, or at a URL.
const (
	elicitForm = "form"
	elicitURL  = "url"
)

// toURL says whether an elicitation sends its user to a URL; the SDK infers the mode likewise.
func toURL(p *mcp.ElicitParams) bool {
	return p.Mode == elicitURL || p.Mode == "" && (p.URL != "" || p.ElicitationID != "")
}

func needs(request mcp.InputRequest) protocol.Capabilities {
	switch p := request.(type) {
	case *mcp.ElicitParams:
		if toURL(p) {
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
