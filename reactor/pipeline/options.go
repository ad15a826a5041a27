package pipeline

import "weir/codec"

// Options are the bounds of the package.
type Options struct {
	// PauseOnFull makes a message wait that finds its connection's own queue full, instead of refusing it.
	PauseOnFull bool
	// MaxJSONRPCBatchMessages is how many messages one JSON-RPC batch may hold (MCP 2025-03-26).
	MaxJSONRPCBatchMessages int
	// JSON bounds one message.
	JSON codec.JSONLimits
}
