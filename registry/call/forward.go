package call

import "weir/codec"

// Forwarder sends calls to another server, which answers them. Any goroutine, several at once.
type Forwarder interface {
	// Forward sends f's call and suspends it. Without an error f is settled once, now or later, when Result or Failed
	// is set; with one nothing was sent. It must not block.
	Forward(f *Forwarded) *codec.Error
	// Release is the last word on an f that was forwarded: its call is over. After it was settled, once.
	Release(f *Forwarded)
}

// Forwarded is a call that another server answers. Whoever forwards it may read Call until f is settled.
type Forwarded struct {
	Suspension
	Call *Call
	// Result is the token of the result that came, and Revision the place of the revision by whose rules it is.
	Result   []byte
	Revision uint8
	// Failed is why there is none.
	Failed *codec.Error
	// Bytes is what the forwarder has on its books for f.
	Bytes int

	to Forwarder
}

// Forward has to send c to another server, and c go on when f is settled.
func (f *Forwarded) Forward(c *Call, to Forwarder) *codec.Error {
	f.Call, f.to = c, to
	f.Begin(func() {
		c.Inputs = &Inputs{Forwarded: f, Failed: f.Failed}
		c.Responder.Resume()
	})
	return to.Forward(f)
}

// Release lets go of what the handler was brought. Nil brings nothing.
func (in *Inputs) Release() {
	if in != nil && in.Forwarded != nil {
		in.Forwarded.to.Release(in.Forwarded)
	}
}
