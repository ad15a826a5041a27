package client

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"weir/codec/option"
	"weir/loadtest/wire"
)

// Options says what a fleet is. The zero value is not usable: start from DefaultOptions.
type Options struct {
	wire.Options

	// Loops is how many goroutines drive the connections, each with its share of them. More loops than cores only cost.
	Loops int `default:"1" min:"1" max:"64" unit:"loops"`
	// Window is how many calls a connection has in flight at once. 1 is the closed loop of a polite client; more is
	// pipelining, refilled in one write when three quarters of the window are answered.
	Window int `default:"1" min:"1" max:"16777216" unit:"calls"`
	// CallsPerConnection ends a connection's sending after so many calls since it was opened.
	CallsPerConnection int `min:"0" max:"4294967296" zero:"no end" unit:"calls"`
	// RatePerSecond, above 0, makes the load open: calls of the whole fleet are planned at this rate, round robin over
	// the connections that were open at Start, and latency counts from the plan, so that a server that stalls cannot
	// hide the calls it kept from being sent.
	RatePerSecond float64 `min:"0" max:"10000000" zero:"a closed loop" unit:"calls/s"`

	// Tick, above 0, has planned calls leave in steps of it instead of each at its moment: a generator that wakes for
	// each of 200,000 calls in a second has no time left to send them. What a call waits for its step counts as
	// latency.
	Tick time.Duration `min:"0s" max:"1s" zero:"each at its moment"`

	// Exact keeps the times of each planned call: Counters.Service and Counters.Told are of every call then, and end when
	// the answer has reached this machine's kernel, not when a busy generator comes to read it. With Tick it comes to read
	// answers every half of that, and not for each.
	Exact bool
	// Retries is how many times a planned call that was refused is sent again, at once. It needs Exact.
	Retries int `min:"0" max:"100" unit:"times"`

	// Renew has each connection end its session and begin another one, again and again, instead of calling. The
	// counters hold one such round (DELETE, initialize, notifications/initialized) as a call. Legacy HTTP only.
	Renew bool
	// OneID, when not nil, has every call carry the id 1, as many clients do, and a text of its own.
	OneID *OneID
	// NeverRead clients do not read after their opening.
	NeverRead bool
	// Reopen opens a connection again when the server has closed or refused it.
	Reopen bool
	// ReopenAfter is how long an ended connection waits before it is opened again, unless it had a result of a call.
	ReopenAfter time.Duration `min:"0s" max:"1h" zero:"not at all"`

	// MaxConnecting bounds the connections of one loop that are being opened at the same time.
	// Keep it below the server's backlog otherwise, or the kernel drops handshakes and clients wait a second.
	MaxConnecting int `default:"256" min:"0" max:"1048576" zero:"all at once, a storm" unit:"connections"`
	// Sources are local addresses used in turn: one address has 28,000 ports towards one server. Empty: the kernel
	// chooses.
	Sources []netip.Addr
	// ReceiveBufferBytes and SendBufferBytes set the sockets' kernel buffers. 0: the kernel's default.
	ReceiveBufferBytes int
	SendBufferBytes    int
}

// DefaultOptions returns a polite closed loop of `echo` calls over newline-delimited TCP; Address is still to be set.
func DefaultOptions() Options {
	o := Options{Options: wire.DefaultOptions()}
	option.SetDefaults(&o)
	return o
}

// Validate returns everything that is wrong with the options, joined; nil when a fleet can be built.
func (o *Options) Validate() error {
	found := option.Check(o)
	if o.Renew && (o.Transport != wire.HTTP || o.Era != wire.Legacy) {
		found.Add("Renew", "true over %v: allowed is HTTP of the legacy era", o.Transport)
	}
	if o.Retries > 0 && !o.Exact {
		found.Add("Retries", "%d without Exact: allowed is 0", o.Retries)
	}
	for _, a := range o.Sources {
		if !a.Is4() {
			found.Add("Sources", "%v is not of IPv4: allowed are IPv4 addresses", a)
		}
	}
	errs := []error{o.Options.Validate(), found.Err()}
	if o.OneID != nil {
		errs = append(errs, o.OneID.validate(o))
	}
	return errors.Join(errs...)
}

// LoopbackSources returns n addresses of the loopback network, 127.0.0.2 and on. n is at most 253.
func LoopbackSources(n int) []netip.Addr {
	sources := make([]netip.Addr, min(n, 253))
	for i := range sources {
		sources[i] = netip.AddrFrom4([4]byte{127, 0, 0, byte(i + 2)})
	}
	return sources
}

// OneID is a load of calls that all have the id 1. One is in flight on a connection at a time.
type OneID struct {
	// Calls is how many calls the fleet makes in all. 1 to 100000000.
	Calls int
	// CancelEvery takes every so manieth call back. Of these, one half is taken back in the write that sends them, so
	// that the server has it in its queue at most; the others call Slow, and are taken back CancelAfter later, while they
	// run. 0: none.
	CancelEvery int
	// Slow and SlowArguments are a call that takes far longer than CancelAfter.
	Slow, SlowArguments string
	CancelAfter         time.Duration
}

func (w *OneID) validate(o *Options) error {
	switch {
	case w.Calls < 1 || w.Calls > maxOneID || w.CancelEvery < 0 || w.CancelAfter < 0:
		return fmt.Errorf("option OneID: Calls is 1 to %d, CancelEvery and CancelAfter are not negative", maxOneID)
	case o.Transport != wire.HTTP && o.Era != wire.Legacy:
		return errors.New("option OneID: is for the legacy era, but over HTTP")
	case o.Method != wire.MethodCall || strings.Count(o.Arguments, `"`+oneNumber+`"`) != 1:
		return fmt.Errorf("option OneID: Arguments need one string %q for the number of the call", oneNumber)
	}
	return nil
}

const (
	// oneNumber is where a call's number stands in the arguments of a fleet with OneID.
	oneNumber = "0000000000"
	oneID     = `"id":1,`
	maxOneID  = 100_000_000
)
