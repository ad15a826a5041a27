package registry

import (
	"weir/codec"
	"weir/registry/protocol"
)

// Names that files of this package call protocol's by; whoever moves such a file out uses protocol's own.

// Header holds the HTTP headers that MCP gives a meaning. They are read only during Route.
type Header = protocol.Header

type listKind = protocol.List

const (
	listTools     = protocol.ListTools
	listPrompts   = protocol.ListPrompts
	listResources = protocol.ListResources
	listKinds     = protocol.ListCount

	maxURIBytes = protocol.MaxURIBytes

	keyServerInfo   = protocol.KeyServerInfo
	keyTasks        = protocol.KeyTasks
	keyRelatedTask  = protocol.KeyRelatedTask
	keySubscription = protocol.KeySubscription
)

var (
	errCursor         = protocol.ErrCursor
	errInputResponses = protocol.ErrInputResponses
	errNeedsTasks     = protocol.ErrNeedsTasks
	errResultTooLarge = protocol.ErrResultTooLarge
	errResultEncoding = protocol.ErrResultEncoding
)

func errUnsupportedVersion(requested []byte) *codec.Error {
	return protocol.UnsupportedVersion(requested)
}
func errMethodNotFound(x *Exchange) *codec.Error {
	return protocol.MethodNotFound(x.Env.Method.Of(x.Raw))
}
