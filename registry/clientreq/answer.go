package clientreq

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/protocol"
	"weir/registry/schema"
	"weir/registry/value"
)

// A handler is given no answer to an elicitation that was not checked, as none is by the SDK's ServerSession.Elicit:
// the action is one of three, and content that was accepted fits the schema that was asked with, whose defaults fill
// it.

// Elicited is the elicitations among what a call has asked for: its key, and the schema of the answer as JSON, null for
// none.
type Elicited map[string]json.RawMessage

// ElicitedBy finds the elicitations among requests; nil when there are none. The error is of value.Marshal.
func ElicitedBy(requests mcp.InputRequestMap) (Elicited, error) {
	var found Elicited
	for key, request := range requests {
		p, ok := request.(*mcp.ElicitParams)
		if !ok {
			continue
		}
		definition, err := value.Marshal(p.RequestedSchema)
		if err != nil {
			return nil, err
		}
		if found == nil {
			found = make(Elicited)
		}
		found[key] = definition
	}
	return found, nil
}

// The actions of a user (MCP 2025-11-25, client/elicitation, response actions).
const (
	actionAccept  = "accept"
	actionDecline = "decline"
	actionCancel  = "cancel"
)

var (
	errNoElicitResult = errors.New("it is no result of an elicitation")
	errAction         = errors.New("its action must be accept, decline or cancel")
	errContent        = errors.New("its content must be an object")
	errMeta           = errors.New("its _meta must be an object")
)

// readElicited reads the answer to an elicitation with this schema. Content without acceptance is nobody's: it is left
// out.
func readElicited(definition, raw json.RawMessage) (*mcp.ElicitResult, error) {
	if len(raw) == 0 || raw[0] != '{' {
		return nil, errNoElicitResult
	}
	action, _ := codec.StringOf(codec.Member(raw, "action"))
	answer := &mcp.ElicitResult{Action: string(action)}
	if meta := codec.Member(raw, "_meta"); meta != nil && meta[0] != 'n' {
		var err error
		if answer.Meta, err = value.Object(string(meta)); err != nil {
			return nil, errMeta
		}
	}
	switch answer.Action {
	case actionAccept:
	case actionDecline, actionCancel:
		return answer, nil
	default:
		return nil, errAction
	}
	content := codec.Member(raw, "content")
	switch {
	case content == nil || string(content) == "null":
		return answer, nil
	case content[0] != '{':
		return nil, errContent
	}
	s, err := schema.ForAnswers(definition)
	if err != nil {
		return nil, fmt.Errorf("the schema that was asked with cannot be used: %w", err)
	}
	if answer.Content, err = s.Answer(string(content)); err != nil {
		return nil, fmt.Errorf("its content does not fit the schema that was asked with: %w", err)
	}
	return answer, nil
}

// readAnswer reads the answer to a request. Nothing of it aliases raw.
func readAnswer(key string, request mcp.InputRequest, e *codec.Envelope, raw []byte) (mcp.InputResponse, *codec.Error) {
	if failure := e.Error.Of(raw); failure != nil {
		message, _ := codec.StringOf(codec.Member(failure, "message"))
		return nil, &codec.Error{Code: codec.CodeInternal,
			Message: "the client refused what the call asked for: " + protocol.Clip(string(message))}
	}
	elicited, err := ElicitedBy(mcp.InputRequestMap{key: request})
	if err != nil {
		return nil, protocol.ResultEncoding(err.Error())
	}
	if definition, ok := elicited[key]; ok {
		answer, err := readElicited(definition, e.Result.Of(raw))
		switch {
		case err == errNoElicitResult:
			return nil, ErrAnswer
		case err != nil:
			return nil, unusable(err)
		}
		return answer, nil
	}
	one, ok := decodeOne(key, e.Result.Of(raw))
	if _, elicits := one[key].(*mcp.ElicitResult); !ok || elicits {
		return nil, ErrAnswer
	}
	if err := keepsDigits(e.Result.Of(raw)); err != nil {
		return nil, unusable(err)
	}
	return one[key], nil
}

func unusable(err error) *codec.Error {
	return &codec.Error{Code: codec.CodeInternal,
		Message: "the client's answer to what the call asked for is not to be used: " + protocol.Clip(err.Error())}
}

// keepsDigits refuses an answer that is no elicitation's if a number in it would change: the SDK's types read what has
// no type, such as the input of a tool_use, as float64.
func keepsDigits(raw []byte) error {
	if path, token, ok := schema.RoundingOf(nil).Before(raw); ok {
		return fmt.Errorf("%s: %s would change its digits", path, token)
	}
	return nil
}

// decodeOne reads one answer by its form.
func decodeOne(key string, raw json.RawMessage) (one mcp.InputResponseMap, ok bool) {
	single, err := json.Marshal(map[string]json.RawMessage{key: raw})
	return one, err == nil && one.UnmarshalJSON(single) == nil
}

// DecodeResponses reads params.inputResponses, one by one: what nobody asked for may have any form and is left out (MCP
// 2026-07-28, basic/patterns/mrtr, error handling), and a handler that misses an answer asks again. So is an
// elicitation's answer that is not to one of elicited; one that is and does not fit is an error. raw is checked JSON.
func DecodeResponses(raw []byte, elicited Elicited) (mcp.InputResponseMap, *codec.Error) {
	var each map[string]json.RawMessage
	if raw[0] != '{' || json.Unmarshal(raw, &each) != nil {
		return nil, protocol.ErrInputResponses
	}
	responses := make(mcp.InputResponseMap, len(each))
	for key, raw := range each {
		if definition, ok := elicited[key]; ok {
			answer, err := readElicited(definition, raw)
			if err != nil {
				return nil, unusableResponse(key, err)
			}
			responses[key] = answer
			continue
		}
		one, ok := decodeOne(key, raw)
		if _, elicits := one[key].(*mcp.ElicitResult); ok && !elicits {
			if err := keepsDigits(raw); err != nil {
				return nil, unusableResponse(key, err)
			}
			maps.Copy(responses, one)
		}
	}
	return responses, nil
}

func unusableResponse(key string, err error) *codec.Error {
	return &codec.Error{Code: codec.CodeInvalidParams, Message: protocol.Clip(
		"params.inputResponses: the answer to " + strconv.Quote(key) + " is not to be used: " + err.Error())}
}

// DecodeEarly is DecodeResponses for answers that came before anything was asked for; nil when none is to one of
// elicited.
func DecodeEarly(raw []byte, elicited Elicited) (mcp.InputResponseMap, *codec.Error) {
	for key := range elicited {
		if codec.Member(raw, key) != nil {
			return DecodeResponses(raw, elicited)
		}
	}
	return nil, nil
}
