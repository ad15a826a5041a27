package call

import (
	"time"

	"weir/codec"
)

// Forwarder sends calls to another server, which answers them. Any goroutine, several at once.
type Forwarder interface {
	// Forward sends f's call and suspends it, or sends what its client has answered (Forwarded.State). Without an error f
	// is settled once, now or later, when Result, Whole, Asks or Failed is set; with one nothing was sent. It must not
	// block.
	Forward(f *Forwarded) *codec.Error
	// GiveUp ends a call that waits for what its client was asked for, and will not be answered: state is its.
	GiveUp(state string)
	// Release is the last word on an f that was forwarded: its call is over, or goes on as another. After it was settled,
	// once.
	Release(f *Forwarded)
}

// Forwarded is a call that another server answers. Whoever forwards it may read Call until f is settled.
type Forwarded struct {
	Suspension
	Call *Call
	// Method is the call's. Idempotent: nothing comes of it if it is executed twice.
	Method     string
	Idempotent bool
	// Result is the token of the result that came, and Revision the place of the revision by whose rules it is.
	Result   []byte
	Revision uint8
	// Whole is, instead of Result, the whole response, of a server that was given the client's message as it stands.
	// Outcome is the engine's number of what became of it there, and Well says that the handler returned what it should.
	Whole   []byte
	Outcome uint8
	Well    bool
	// Asks is what the other server asks the call's client for before it answers; nil: nothing.
	Asks *Asked
	// State is under which the call goes on there: of one that asks, and of one that brings the client's Answer, a
	// result; nil is none, and the other server's question is to be asked again.
	State  string
	Answer []byte
	// Failed is why there is none of all this.
	Failed *codec.Error
	// Bytes is what the forwarder has on its books for f.
	Bytes int
	// AnsweredBytes is what it has there for what came, until Release.
	AnsweredBytes int
	// Began is the sample of the call, which lasts until the other server has answered, and Waited how long it had waited
	// before it was forwarded.
	Began  Sample
	Waited time.Duration

	to     Forwarder
	rounds int
}

// Asked is a request to a client.
type Asked struct{ Method, Params []byte } // tokens; Params may be nil

// Forward has to send c to another server, and c go on when f is settled.
func (f *Forwarded) Forward(c *Call, to Forwarder) *codec.Error {
	f.Call, f.to = c, to
	if c.Inputs != nil {
		f.rounds = c.Inputs.Rounds
	}
	f.Begin(func() {
		c.Inputs = &Inputs{Forwarded: f, Failed: f.Failed, Rounds: f.rounds}
		c.Responder.Resume()
	})
	return to.Forward(f)
}

// Release lets go of what the handler was brought. Nil brings nothing.
func (in *Inputs) Release() {
	if in != nil && in.Forwarded != nil {
		in.Forwarded.to.Release(in.Forwarded)
		in.Forwarded = nil
	}
}
