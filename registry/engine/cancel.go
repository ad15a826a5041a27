package engine

import "hash/maphash"

// serveCancelled is notifications/cancelled: it cancels the request with params.requestId. An unknown id is ignored, as
// the answer may have crossed the notification (MCP 2025-11-25, basic/utilities/cancellation). initialize cannot be
// cancelled: it is answered where it is decoded and never in flight. Over HTTP in the modern era there is no
// conversation: closing the response stream is the cancellation (MCP 2026-07-28, basic/patterns/cancellation).
func serveCancelled(eng *Engine, x *Exchange, dst []byte) []byte {
	if id := x.Env.RequestID.Of(x.Raw); x.Conv != nil && id != nil {
		x.Conv.CancelID(maphash.Bytes(eng.seed, id), id)
	}
	return dst
}

// Recalled returns, after Route, the id of the request that the message takes back; nil for every other message.
// Dispatch finds that request if it is in flight; a transport that holds back others, which it has not begun, must look
// there, first.
func (x *Exchange) Recalled() []byte {
	if x.row == nil || !x.row.recalls {
		return nil
	}
	return x.Env.RequestID.Of(x.Raw)
}
