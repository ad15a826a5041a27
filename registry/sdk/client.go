package sdk

import (
	"context"
	"encoding/json"
	"io"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// quietClient is the other end of an adopted server's sessions: a transport and connection in one. It calls nothing,
// since calls go to the server's handler directly, and hears what the server tells and asks its sessions. What a
// handler sends arrives with that handler's context, by which the call is found that it belongs to.
type quietClient struct {
	// heard has a row for each notification that is passed on.
	heard   map[string]func(ctx context.Context, params json.RawMessage)
	ask     func(ctx context.Context, req *jsonrpc.Request) *jsonrpc.Response
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
		"notifications/elicitation/complete":   a.elicited,
		"notifications/tools/list_changed":     changed(a.tools),
		"notifications/prompts/list_changed":   changed(a.prompts),
		"notifications/resources/list_changed": changed(a.resources, a.templates),
	}
	return &quietClient{heard: heard, ask: a.asked, answers: make(chan jsonrpc.Message), closed: make(chan struct{})}
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

// Write implements mcp.Connection. What a request is answered with comes through Read.
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
	go func() { // whoever asks waits elsewhere
		select {
		case q.answers <- q.ask(ctx, req):
		case <-ctx.Done():
		case <-q.closed:
		}
	}()
	return nil
}

// Close implements mcp.Connection.
func (q *quietClient) Close() error {
	q.close.Do(func() { close(q.closed) })
	return nil
}

// SessionID implements mcp.Connection.
func (q *quietClient) SessionID() string { return "" }
