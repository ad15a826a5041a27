package forward

import (
	"weir/codec"
	"weir/registry/fault"
)

// Fate is what became of a request that was forwarded. The word is the metric's label. The numbers are on the wire.
type Fate uint8

// The fates.
const (
	Answered Fate = iota // the response is complete
	Limit                // the owner serves as many for others as it may; nothing was executed
	Full                 // the owner has no room for the request; nothing was executed
	Unknown              // there is no such node; nothing was executed
	Lost                 // the owner has ended, and nobody knows what was executed
	Cut                  // the owner could not give the whole response
	Left                 // the client has gone
	fates
)

var fateWords = [fates]string{"answered", "forward_limit", "forward_full", "no_node", "node_lost", "cut", "client_gone"}

// String is the fate's word.
func (f Fate) String() string { return fateWords[f] }

// readFate reads that of a kindEnd. Words of later versions are what they come to for this one.
func readFate(data []byte) Fate {
	if len(data) == 0 || Fate(data[0]) >= fates {
		return Cut
	}
	return Fate(data[0])
}

// readTotal reads how many bytes went before a kindEnd.
func readTotal(data []byte) int {
	at, _ := readPart(data[1:])
	return at
}

// ErrorOf is what a client is told whose request met this fate.
func ErrorOf(fate Fate) *codec.Error {
	switch fate {
	case Unknown:
		return fault.SessionUnknown
	case Limit, Full:
		return &codec.Error{Code: codec.CodeInternal, Message: "Server overloaded",
			Data: []byte(`{"reason":"` + fate.String() + `","retryAfterMs":1000,"executed":false}`)}
	}
	return &codec.Error{Code: codec.CodeInternal, Message: "the node that served this has ended before it answered",
		Data: []byte(`{"reason":"node_lost","executed":"unknown"}`)}
}
