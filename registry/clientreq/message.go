package clientreq

import (
	"encoding/json"
	"maps"

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

// readAnswer reads the answer to the request with this key. Nothing of it aliases raw.
func readAnswer(key string, e *codec.Envelope, raw []byte) (mcp.InputResponse, *codec.Error) {
	if failure := e.Error.Of(raw); failure != nil {
		message, _ := codec.StringOf(codec.Member(failure, "message"))
		return nil, &codec.Error{Code: codec.CodeInternal,
			Message: "the client refused what the call asked for: " + protocol.Clip(string(message))}
	}
	one, ok := decodeOne(key, e.Result.Of(raw))
	if !ok {
		return nil, ErrAnswer
	}
	return one[key], nil
}

func decodeOne(key string, raw json.RawMessage) (one mcp.InputResponseMap, ok bool) {
	single, err := json.Marshal(map[string]json.RawMessage{key: raw})
	if err != nil || one.UnmarshalJSON(single) != nil {
		return one, false
	}
	if answer, elicited := one[key].(*mcp.ElicitResult); elicited {
		// The SDK reads every number as a float64; those that one does not hold come as json.Number.
		if content, err := value.Object(string(codec.Member(raw, "content"))); err == nil {
			answer.Content = content
		}
		if meta, err := value.Object(string(codec.Member(raw, "_meta"))); err == nil {
			answer.Meta = meta
		}
	}
	return one, true
}

// DecodeResponses reads params.inputResponses, one by one: what nobody asked for may have any form and is left out (MCP
// 2026-07-28, basic/patterns/mrtr, error handling), and a handler that misses an answer asks again. raw is checked
// JSON.
func DecodeResponses(raw []byte) (mcp.InputResponseMap, *codec.Error) {
	var each map[string]json.RawMessage
	if raw[0] != '{' || json.Unmarshal(raw, &each) != nil {
		return nil, protocol.ErrInputResponses
	}
	responses := make(mcp.InputResponseMap, len(each))
	for key, answer := range each {
		if one, ok := decodeOne(key, answer); ok {
			maps.Copy(responses, one)
		}
	}
	return responses, nil
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
