package result

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"weir/codec"
	"weir/registry/protocol"
	"weir/registry/value"
)

var errNoContents = &codec.Error{Code: codec.CodeInternal, Message: "the handler returned no contents"}

// place names an element of a result.
func place(list string, i int) string { return list + "[" + strconv.Itoa(i) + "]" }

// EncodingError says what is wrong with a result that cannot be encoded.
func EncodingError(err error) *codec.Error {
	if errors.Is(err, value.ErrDepth) {
		return protocol.ErrResultDepth
	}
	return protocol.ResultEncoding(err.Error())
}

// IsEncodingError says whether e is one.
func IsEncodingError(e *codec.Error) bool {
	return e == protocol.ErrResultDepth ||
		e.Code == codec.CodeInternal && strings.HasPrefix(e.Message, protocol.MessageResultEncoding)
}

// at says in which member of a result an error of value.Marshal is; without the types through which encoding/json came
// there, most of which are the SDK's.
func at(member string, err error) error {
	if errors.Is(err, value.ErrDepth) {
		return err
	}
	for within, ok := errors.AsType[*json.MarshalerError](err); ok; within, ok = errors.AsType[*json.MarshalerError](err) {
		err = within.Err
	}
	return errors.New(member + ": " + strings.TrimPrefix(err.Error(), "json: "))
}

// errRelayed is for what another server sent as a result; the call was executed.
var errRelayed = &codec.Error{Code: codec.CodeInternal,
	Message: "what the server behind this answered is no result",
	Data:    []byte(`{"reason":"mount_answer","executed":true}`)}
