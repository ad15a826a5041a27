package call

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/protocol"
)

//lint:file-ignore SA1019 sampling and roots are deprecated and still served to those who have them

// A handler of the SDK speaks to its client through the Session of its request, a struct of the SDK. One such session
// serves all clients that are told apart by nothing it could say: those of one revision with the same capabilities. A
// call costs the look-up of a pointer; what is sent finds its call by the handler's context.

// Sessions are what handlers find as the Session of their requests. Safe for concurrent use.
type Sessions struct {
	connect func(*mcp.ServerSessionOptions) (*mcp.ServerSession, error)
	returns func(name string) bool
	of      [protocol.RevisionCount * capabilitySets]atomic.Pointer[mcp.ServerSession]

	mu     sync.Mutex // held while one is made
	closed bool
}

// NewSessions makes a table whose sessions are made by connect when they are first needed. returns says of a handler,
// by its name, that it asks by returning InputRequests only (see For); nil: none does.
func NewSessions(connect func(*mcp.ServerSessionOptions) (*mcp.ServerSession, error),
	returns func(name string) bool) *Sessions {
	return &Sessions{connect: connect, returns: returns}
}

// Of is the session for the client of c.
func (s *Sessions) Of(c *Call) *mcp.ServerSession {
	session, _ := s.at(placeOf(c)) // nil after an error: of a server that is closed
	return session
}

// placeOf is which session serves the client of c. In the modern era each request says what its client can be asked.
func placeOf(c *Call) int {
	place := int(c.Revision) * capabilitySets
	if c.Conv != nil && !c.Modern() {
		place += int(c.Conv.Capabilities())
	}
	return place
}

// capabilitySets is how many sets of capabilities there are.
const capabilitySets = int(protocol.Roots) << 1

// modernPlace is the session of the modern era.
const modernPlace = protocol.LatestRevision * capabilitySets

// For is the session of an adopted server for the client of the call to which ctx belongs. The SDK asks legacy clients
// for a handler's InputRequests itself and waits. A handler that must not wait, or need not as returns says, has the
// session of the modern era: with that the SDK hands them on.
func (s *Sessions) For(ctx context.Context) (*mcp.ServerSession, error) {
	place := modernPlace
	if c := contextOf(ctx); c != nil {
		c.mu.Lock()
		if c.call != nil && c.call.task() == nil && !c.handler.Cheap && (s.returns == nil || !s.returns(c.handler.Name)) {
			place = placeOf(c.call)
		}
		c.mu.Unlock()
	}
	return s.at(place)
}

func (s *Sessions) at(place int) (*mcp.ServerSession, error) {
	if session := s.of[place].Load(); session != nil {
		return session, nil
	}
	return s.make(place)
}

var errClosed = errors.New("the adopted server was let go of")

func (s *Sessions) make(place int) (*mcp.ServerSession, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if session := s.of[place].Load(); session != nil {
		return session, nil
	}
	if s.closed {
		return nil, errClosed
	}
	revision := protocol.RevisionAt(place / capabilitySets)
	// Every log message passes: who wants which is decided per call (Log).
	session, err := s.connect(&mcp.ServerSessionOptions{State: &mcp.ServerSessionState{
		LogLevel: "debug", InitializedParams: new(mcp.InitializedParams),
		InitializeParams: &mcp.InitializeParams{ProtocolVersion: revision.Version, ClientInfo: new(mcp.Implementation),
			Capabilities: sdkCapabilities(protocol.Capabilities(place % capabilitySets))},
	}})
	if err == nil {
		s.of[place].Store(session)
	}
	return session, err
}

// sdkCapabilities is the set as the SDK has it.
func sdkCapabilities(c protocol.Capabilities) *mcp.ClientCapabilities {
	set := new(mcp.ClientCapabilities)
	if c&(protocol.ElicitForm|protocol.ElicitURL) != 0 {
		set.Elicitation = new(mcp.ElicitationCapabilities)
		if c&protocol.ElicitForm != 0 {
			set.Elicitation.Form = new(mcp.FormElicitationCapabilities)
		}
		if c&protocol.ElicitURL != 0 {
			set.Elicitation.URL = new(mcp.URLElicitationCapabilities)
		}
	}
	if c&(protocol.Sampling|protocol.SamplingTools) != 0 {
		set.Sampling = new(mcp.SamplingCapabilities)
		if c&protocol.SamplingTools != 0 {
			set.Sampling.Tools = new(mcp.SamplingToolsCapabilities)
		}
	}
	if c&protocol.Roots != 0 {
		set.RootsV2 = new(mcp.RootCapabilities)
	}
	return set
}

// Close closes the sessions; none is made any more.
func (s *Sessions) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	var errs []error
	for i := range s.of {
		if session := s.of[i].Load(); session != nil {
			errs = append(errs, session.Close())
		}
	}
	return errors.Join(errs...)
}

// Ask sends the client of the call to which ctx belongs a request, and waits for its answer.
type Ask func(ctx context.Context, request mcp.InputRequest) (mcp.InputResponse, error)

// NewOwnSessions makes the sessions of a registry's own handlers. Nothing is behind them: what is sent through one is
// taken where the SDK lets servers look at it, so there is no goroutine, and no connection that could break.
func NewOwnSessions(ask Ask) *Sessions {
	server := sync.OnceValue(func() *mcp.Server {
		s := mcp.NewServer(&mcp.Implementation{}, &mcp.ServerOptions{Logger: slog.New(slog.DiscardHandler)})
		s.AddSendingMiddleware(func(mcp.MethodHandler) mcp.MethodHandler { return ask.send })
		return s
	})
	return NewSessions(func(o *mcp.ServerSessionOptions) (*mcp.ServerSession, error) {
		return server().Connect(context.Background(), nobody{}, o)
	}, nil)
}

// send implements mcp.MethodHandler for what a session sends.
func (ask Ask) send(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
	result, err := ask.sent(ctx, method, req.GetParams())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	return result, nil
}

func (ask Ask) sent(ctx context.Context, method string, params mcp.Params) (mcp.Result, error) {
	switch p := params.(type) {
	case *mcp.ProgressNotificationParams:
		return nil, tell(ctx, func() { Progress(ctx, p.Progress, p.Total, p.Message) })
	case *mcp.LoggingMessageParams:
		return nil, tell(ctx, func() { Log(ctx, string(p.Level), p.Logger, p.Data) })
	case *mcp.ElicitationCompleteParams:
		return nil, tell(ctx, func() { ElicitationComplete(ctx, p.ElicitationID) })
	case *mcp.ElicitParams:
		return answerAs[*mcp.ElicitResult](ask(ctx, p))
	case *mcp.CreateMessageParams:
		return answerAs[*mcp.CreateMessageWithToolsResult](ask(ctx, p))
	case *mcp.CreateMessageWithToolsParams:
		return answerAs[*mcp.CreateMessageWithToolsResult](ask(ctx, p))
	case *mcp.ListRootsParams:
		return answerAs[*mcp.ListRootsResult](ask(ctx, p))
	}
	if method == "roots/list" { // its params may be nil
		return answerAs[*mcp.ListRootsResult](ask(ctx, new(mcp.ListRootsParams)))
	}
	return nil, errMethod
}

// tell lets a handler speak to its client. That the client does not want to hear it is no error.
func tell(ctx context.Context, say func()) error {
	c := contextOf(ctx)
	if c == nil {
		return errNoCall
	}
	if err := c.Err(); err != nil {
		return err
	}
	say()
	return nil
}

// answerAs is an answer of the kind that was asked for.
func answerAs[R mcp.Result](answer mcp.InputResponse, err error) (mcp.Result, error) {
	if err != nil {
		return nil, err
	}
	if answer, ok := answer.(R); ok {
		return answer, nil
	}
	return nil, &codec.Error{Code: codec.CodeInternal, Message: "the client's answer is of another kind than the request"}
}

// nobody is a transport and connection without another end.
type nobody struct{}

func (nobody) Connect(context.Context) (mcp.Connection, error) { return nobody{}, nil }
func (nobody) Read(context.Context) (jsonrpc.Message, error)   { return nil, io.EOF }
func (nobody) Write(context.Context, jsonrpc.Message) error    { return io.ErrClosedPipe }
func (nobody) Close() error                                    { return nil }
func (nobody) SessionID() string                               { return "" }
