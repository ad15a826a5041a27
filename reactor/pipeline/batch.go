package pipeline

import (
	"weir/codec"
	"weir/registry/engine"
)

// JSON-RPC batches: MCP 2025-03-26 requires that they are received, every later revision took them away. Each element
// is a call of its own, admitted, refused and executed like any other; their answers leave together, as one array, when
// the last is there. Notifications answer nothing, and a batch of nothing else answers nothing at all.

// Messages serves one message, or a batch of them.
func (in *Intake) Messages(c *Conn, msg []byte) {
	k := in.NewCall(c)
	if codec.IsBatch(msg) {
		in.Batch(c, k, msg)
		return
	}
	in.Message(c, k, msg)
}

// Batch serves a JSON array of messages; anchor is the call the transport prepared for it. Loop only.
func (in *Intake) Batch(c *Conn, anchor *Call, msg []byte) {
	anchor.Raw, anchor.Principal = msg, c.Principal()
	if err := in.batchAcceptable(anchor, msg); err != nil {
		in.stats.received.Add(1)
		anchor.Outcome = engine.Invalid
		in.Fail(anchor, err)
		return
	}
	g := &batchGroup{anchor: anchor}
	g.left.Store(1)
	c.AddPending(1)
	c.Lock()
	g.bookLocked(c)
	c.Unlock()
	if o := c.transport.Order(); o != nil {
		o.Queue(in, c, anchor)
	}
	for at := 0; ; {
		element, next, err := codec.NextElement(msg, at)
		if err != nil || next < 0 {
			break // the array was walked once already, by batchAcceptable
		}
		k := in.NewCall(c)
		k.Header, k.Conv, k.View, k.InBatch, k.group = anchor.Header, anchor.Conv, anchor.View, true, g
		in.Message(c, k, element)
		at = next
	}
	anchor.Raw, anchor.Header = nil, nil
	if g.finished() {
		in.sendGroup(c, g)
	}
}

var (
	errBatchNotAllowed = invalid("batches exist in MCP 2025-03-26 only, send one message at a time")
	errBatchEmpty      = invalid("a batch must hold at least one message")
	errBatchTooLong    = invalid("the batch holds more messages than this server takes at once " +
		"(max_jsonrpc_batch_messages)")
)

// batchAcceptable says whether the whole array may be served.
func (in *Intake) batchAcceptable(anchor *Call, msg []byte) *codec.Error {
	if !in.p.Engine.AcceptsBatch(&anchor.Exchange) {
		return errBatchNotAllowed
	}
	count := 0
	for at := 0; ; count++ {
		_, next, err := codec.NextElement(msg, at)
		if err != nil {
			return err.(*codec.Error)
		}
		if next < 0 {
			break
		}
		at = next
	}
	switch {
	case count == 0:
		return errBatchEmpty
	case count > in.p.Options.MaxJSONRPCBatchMessages:
		return errBatchTooLong
	}
	return nil
}
