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
