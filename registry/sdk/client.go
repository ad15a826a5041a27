package sdk

import (
	"context"
	"encoding/json"
	"io"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// quietClient is the other end of an adopted server's sessions: a transport and connection in one. It asks nothing,
// since calls go to the server's handler directly, and hears what the server tells its sessions. What a handler sends
// arrives with that handler's context, by which the call is found that it belongs to.
type quietClient struct {
	// heard has a row for each notification that is passed on.
	heard   map[string]func(ctx context.Context, params json.RawMessage)
	answers chan jsonrpc.Message
	closed  chan struct{}
	close   sync.Once
}

func newQuietClient(a *Adopted) *quietClient {
	changed := func(lists ...follower) func(context.Context, json.RawMessage) {
		return func(context.Context, json.RawMessage) { a.listChanged(lists...) }
	}
	heard := map[string]func(context.Context, json.RawMessage){
		"notifications/progress":               a.progressed,
		"notifications/message":                a.logged,
		"notifications/tools/list_changed":     changed(a.tools),
		"notifications/prompts/list_changed":   changed(a.prompts),
		"notifications/resources/list_changed": changed(a.resources, a.templates),
	}
	return &quietClient{heard: heard, answers: make(chan jsonrpc.Message), closed: make(chan struct{})}
}

// Connect implements mcp.Transport.
func (q *quietClient) Connect(context.Context) (mcp.Connection, error) { return q, nil }

// Read implements mcp.Connection: nothing comes but what Write answers.
func (q *quietClient) Read(ctx context.Context) (jsonrpc.Message, error) {
	select {
	case answer := <-q.answers:
		return answer, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-q.closed:
		return nil, io.EOF
	}
}

// Write implements mcp.Connection. A request, such as the ping of a server that keeps its sessions alive, is for a
// method that nobody has here, which the SDK understands: it stops asking.
func (q *quietClient) Write(ctx context.Context, message jsonrpc.Message) error {
	req, ok := message.(*jsonrpc.Request)
	if !ok {
		return nil
	}
	if !req.IsCall() {
		if hear := q.heard[req.Method]; hear != nil {
			hear(ctx, req.Params)
		}
		return nil
	}
	answer := &jsonrpc.Response{ID: req.ID, Error: &jsonrpc.Error{
		Code: jsonrpc.CodeMethodNotFound, Message: "an adopted server has no client to ask",
	}}
	select {
	case q.answers <- answer:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-q.closed:
		return io.ErrClosedPipe
	}
}

// Close implements mcp.Connection.
func (q *quietClient) Close() error {
	q.close.Do(func() { close(q.closed) })
	return nil
}

// SessionID implements mcp.Connection.
func (q *quietClient) SessionID() string { return "" }
