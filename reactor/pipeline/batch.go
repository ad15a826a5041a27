package pipeline

import (
	"sync"
	"sync/atomic"

	"weir/codec"
	"weir/registry/engine"
)

// JSON-RPC batches: MCP 2025-03-26 requires that they are received, every later revision took them away. Each element
// is a call of its own, admitted, refused and executed like any other; their answers leave together, as one array, when
// the last is there. Notifications answer nothing, and a batch of nothing else answers nothing at all.

// batchGroup collects the answers of one batch.
type batchGroup struct {
	anchor *Call        // stands for the whole batch in the transport's order
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

// Message is the whole answer, once finished said so; empty when nothing asked for one.
func (g *batchGroup) message() []byte {
	if len(g.buf) == 0 {
		return nil
	}
	return append(g.buf, ']')
}

// deliver sends the answer of a finished batch in its turn.
func (g *batchGroup) deliver(c *Conn, out []byte) []byte {
	message := g.message()
	if len(message) == 0 {
		g.anchor.Outcome = engine.Accepted
	}
	return c.transport.Answer(c, g.anchor, message, out)
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
	if o := c.transport.Order(); o != nil {
		o.Queue(in, c, anchor)
	}
	for at := 0; ; {
		element, next, err := codec.NextElement(msg, at)
		if err != nil || next < 0 {
			break // the array was walked once already, by batchAcceptable
		}
		k := in.NewCall(c)
		k.Header, k.Conv, k.InBatch, k.group = anchor.Header, anchor.Conv, true, g
		in.Message(c, k, element)
		at = next
	}
	anchor.Raw, anchor.Header = nil, nil
	if g.finished() {
		in.sendGroup(c, g)
	}
}

// sendGroup delivers a batch whose last answer was made on the loop.
func (in *Intake) sendGroup(c *Conn, g *batchGroup) {
	in.Out = g.deliver(c, in.Out)
	c.AddPending(-1)
}

// invalid is the error of a message that may not be served.
func invalid(message string) *codec.Error {
	return &codec.Error{Code: codec.CodeInvalidRequest, Message: message}
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
