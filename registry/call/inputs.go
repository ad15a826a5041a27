package call

import (
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
)

// Inputs is what a repeated request, or a call that waited for its client or another server, brings for its handler.
type Inputs struct {
	Responses mcp.InputResponseMap
	State     string
	Rounds    int          // how often a legacy client was asked
	Failed    *codec.Error // why it did not answer
	Early     []byte       // inputResponses that came without a requestState: what they answer is not known yet
	// Forwarded is what another server has answered; nil for most.
	Forwarded *Forwarded
}

// Give puts them where handlers look for them; nil gives nothing.
func (in *Inputs) Give(responses *mcp.InputResponseMap, state *string) {
	if in != nil {
		*responses, *state = in.Responses, in.State
	}
}
