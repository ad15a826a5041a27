package reactor

import (
	"sync"
	"sync/atomic"

	"weir/codec"
	"weir/registry"
)

// JSON-RPC batches: MCP 2025-03-26 requires that they are received, every later revision took them away. Each element
// is a call of its own, admitted, refused and executed like any other; their answers leave together, as one array, when
// the last is there. Notifications answer nothing, and a batch of nothing else answers nothing at all.

// batchGroup collects the answers of one batch.
type batchGroup struct {
	anchor *call        // stands for the whole batch in the transport's order
	left   atomic.Int32 // elements that are not answered yet, and one for the loop while it still reads elements

	mu  sync.Mutex
	buf []byte // the array so far, without its closing bracket
}

func (g *batchGroup) add(message []byte) {
	if len(message) == 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.buf) == 0 {
		g.buf = append(g.buf, '[')
	} else {
		g.buf = append(g.buf, ',')
	}
	g.buf = append(g.buf, message...)
}

// finished takes one element off; whoever takes the last one sends the answer.
func (g *batchGroup) finished() bool { return g.left.Add(-1) == 0 }

// message is the whole answer, once finished said so; empty when nothing asked for one.
func (g *batchGroup) message() []byte {
	if len(g.buf) == 0 {
		return nil
	}
	return append(g.buf, ']')
}

// deliver sends the answer of a finished batch in its turn.
func (g *batchGroup) deliver(c *conn, out []byte) []byte {
	message := g.message()
	if len(message) == 0 {
		g.anchor.Outcome = registry.Accepted
	}
	return c.transport.answer(c, g.anchor, message, out)
}

// batch serves a JSON array of messages; anchor is the call the transport prepared for it. Loop only.
func (in *intake) batch(c *conn, anchor *call, msg []byte) {
	anchor.Raw, anchor.Principal = msg, c.principal()
	if err := in.batchAcceptable(anchor, msg); err != nil {
		in.stats.received.Add(1)
		anchor.Outcome = registry.Invalid
		in.fail(anchor, err)
		return
	}
	g := &batchGroup{anchor: anchor}
	g.left.Store(1)
	c.AddPending(1)
	if o := c.transport.order(); o != nil {
		o.queue(in, c, anchor)
	}
	for at := 0; ; {
		element, next, err := codec.NextElement(msg, at)
		if err != nil || next < 0 {
			break // the array was walked once already, by batchAcceptable
		}
		k := in.newCall(c)
		k.Header, k.Conv, k.InBatch, k.group = anchor.Header, anchor.Conv, true, g
		in.message(c, k, element)
		at = next
	}
	anchor.Raw, anchor.Header = nil, nil
	if g.finished() {
		in.sendGroup(c, g)
	}
}

// sendGroup delivers a batch whose last answer was made on the loop.
func (in *intake) sendGroup(c *conn, g *batchGroup) {
	in.out = g.deliver(c, in.out)
	c.AddPending(-1)
}

var (
	errBatchNotAllowed = &codec.Error{Code: codec.CodeInvalidRequest, Message: "batches exist in MCP 2025-03-26 only, send one message at a time"}
	errBatchEmpty      = &codec.Error{Code: codec.CodeInvalidRequest, Message: "a batch must hold at least one message"}
	errBatchTooLong    = &codec.Error{Code: codec.CodeInvalidRequest, Message: "the batch holds more messages than this server takes at once (max_jsonrpc_batch_messages)"}
)

// batchAcceptable says whether the whole array may be served.
func (in *intake) batchAcceptable(anchor *call, msg []byte) *codec.Error {
	if !in.srv.registry.AcceptsBatch(&anchor.Exchange) {
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
	case count > in.srv.opts.MaxJSONRPCBatchMessages:
		return errBatchTooLong
	}
	return nil
}
