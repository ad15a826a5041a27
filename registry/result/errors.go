package result

import "weir/codec"

var errNoContents = &codec.Error{Code: codec.CodeInternal, Message: "the handler returned no contents"}
