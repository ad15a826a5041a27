package engine

import (
	"weir/codec"
	"weir/registry/fault"
	"weir/registry/protocol"
)

// checkLogLevel: a level that does not exist is an error of the request (MCP 2026-07-28, server/utilities/logging).
func checkLogLevel(x *Exchange) *codec.Error {
	token := x.Env.LogLevel.Of(x.Raw)
	if token == nil {
		return nil
	}
	if name, ok := codec.StringOf(token); ok {
		if _, known := protocol.ParseLogLevel(name); known {
			return nil
		}
	}
	return fault.LogLevel
}

// serveSetLevel is logging/setLevel.
func serveSetLevel(_ *Engine, x *Exchange, dst []byte) []byte {
	name, _ := codec.StringOf(codec.Member(x.Env.Params.Of(x.Raw), "level"))
	level, ok := protocol.ParseLogLevel(name)
	if !ok {
		return codec.AppendError(dst, x.ID(), fault.LogLevel)
	}
	x.Conv.SetLogLevel(level)
	return codec.AppendResult(dst, x.ID(), []byte(emptyResultJSON))
}
