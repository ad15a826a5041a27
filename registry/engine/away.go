package engine

import (
	"weir/codec"
	"weir/registry/call"
	"weir/registry/clientreq"
	"weir/registry/fault"
	"weir/registry/finder"
	"weir/registry/handler"
	"weir/registry/input"
	"weir/registry/protocol"
	"weir/registry/result"
)

// Front ends and workers are one program in two roles (weir/reactor/cluster). A front end gives the calls of its tools
// away as they came, and a worker serves each as if its client were here.

// SendToolsAway has to answer the calls of all tools that are not another server's, of those that come later too, with
// whole responses. Tasks are not offered then: nobody could find them again. Before anything is served.
func (eng *Engine) SendToolsAway(to call.Forwarder) {
	eng.WithoutTasks()
	eng.away = to
	for _, t := range eng.offer.Main().Tools.All() {
		eng.m.Drop(&t.Handler)
		eng.sendAway(t)
		t.Handler.Series = eng.m.Tool(&t.Handler, true, eng.limiterOf(&t.Handler))
	}
}

func (eng *Engine) sendAway(t *handler.Tool) {
	if eng.away != nil && t.Forward == nil {
		t.Forward, t.Handler.Cheap = eng.away, true
	}
}

// WithoutTasks has no tool's calls become tasks. Before anything is served.
func (eng *Engine) WithoutTasks() {
	eng.noTasks = true
	eng.tasksOffered.Store(false)
	eng.offer.Main().Declare(func(offered *result.Offered) { offered.Tasks = false })
}

// appendWhole appends the response that came from elsewhere.
func (x *Exchange) appendWhole(dst []byte, f *call.Forwarded) ([]byte, call.Ending) {
	x.Outcome = Outcome(f.Outcome)
	dst = append(dst, f.Whole...)
	switch {
	case f.Well:
		return dst, call.EndedOK
	case x.Outcome == LimitReached || x.Outcome == Overloaded:
		return dst, call.EndedRefused
	case codec.Member(f.Whole, "error") != nil:
		return dst, call.EndedError
	}
	return dst, call.EndedToolError
}

// OffersTool says whether principal is offered a tool of that name, or one that calls others.
func (eng *Engine) OffersTool(principal string, name []byte) bool {
	_, ok := eng.offer.For(nil, principal).Tools.Get(name)
	return ok || finder.IsOne(name)
}

// Resemble makes conv, which is new, like that of a client of principal elsewhere: of that revision, which declared
// what it can be asked and wants log messages from a level on. false: the revision is none.
func (eng *Engine) Resemble(conv *Conversation, principal string, version []byte, declared protocol.Capabilities,
	level protocol.LogLevel) bool {
	i := protocol.FindRevision(version)
	if i >= 0 && !protocol.RevisionAt(i).Modern { // a modern client says all that in its message
		conv.Negotiate(i, declared, eng.offer.For(nil, principal).Hub)
		conv.SetLogLevel(level)
	}
	return i >= 0
}

// TakeAnswer gives a client's response to the call of conv that waits for it; false: none does. Any goroutine.
func (eng *Engine) TakeAnswer(conv *Conversation, raw []byte, limits *codec.JSONLimits) bool {
	var e codec.Envelope
	return codec.Scan(raw, &e, limits) == nil && eng.clientRequests.Answer(conv, &e, raw)
}

// AskFor sends the client of c, a suspended call, what another server asks of it. Without an error done is called once,
// on any goroutine, with the response to the request of that id: the client's, or why there is none. What it returns
// has to be told when the call ends before that (Withdraw, Cancel).
func (eng *Engine) AskFor(c *Call, id []byte, asks *call.Asked, done func(response []byte)) (
	*clientreq.Requests, *codec.Error,
) {
	requests, err := readQuestion(asks)
	if err == nil {
		requests, err = clientreq.Check(requests)
	}
	if err != nil || c.Conv == nil || c.Modern() {
		return nil, fault.Question
	}
	if e := input.CheckCapabilities(c, requests); e != nil {
		return nil, e
	}
	asked, e := eng.clientRequests.Open(clientreq.Call{Client: c.Conv, Sender: c.Responder, Requests: requests,
		Passes: true, Done: func(came clientreq.Result) {
			switch result := codec.Member(came.Raw, "result"); {
			case came.Failed != nil:
				done(codec.AppendError(nil, id, came.Failed))
			case result != nil:
				done(codec.AppendResult(nil, id, result))
			default:
				response := append(append([]byte(`{"jsonrpc":"2.0","id":`), id...), `,"error":`...)
				done(append(append(response, codec.Member(came.Raw, "error")...), '}'))
			}
		}})
	if e != nil {
		return nil, e
	}
	asked.Send()
	return asked, nil
}
