package result

import (
	"errors"

	"weir/codec"
	"weir/registry/protocol"
	"weir/registry/value"
)

var errNoContents = &codec.Error{Code: codec.CodeInternal, Message: "the handler returned no contents"}

// EncodingError says what is wrong with a result that cannot be encoded.
func EncodingError(err error) *codec.Error {
	if errors.Is(err, value.ErrDepth) {
		return protocol.ErrResultDepth
	}
	return protocol.ErrResultEncoding
}

// errRelayed is for what another server sent as a result; the call was executed.
var errRelayed = &codec.Error{Code: codec.CodeInternal,
	Message: "what the server behind this tool answered is no result",
	Data:    []byte(`{"reason":"mount_answer","executed":true}`)}
