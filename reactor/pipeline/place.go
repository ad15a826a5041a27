package pipeline

import (
	"weir/backpressure"
	"weir/registry/concurrency"
	"weir/registry/engine"
)

// A tool may have a limit of calls that run at once. Whoever reads a call asks whether there is a place (full), which
// makes most refusals cheap; whoever runs it takes the place, since only what runs counts: a call that waits has asked
// nothing of what is behind the tool. Nobody waits for a place.

// place is that of one call. The zero place is of a tool without a limit.
type place struct {
	limiter *concurrency.Limiter
	concurrency.Place
}

// takePlace takes a place for a call that is about to run; false: there is none.
func takePlace(l *concurrency.Limiter) (place, bool) {
	if l == nil {
		return place{}, true
	}
	at, ok := l.Begin(backpressure.Now())
	return place{l, at}, ok
}

// leave gives it back. well: the handler returned what it should.
func (p *place) leave(well bool) {
	if p.limiter != nil {
		p.limiter.End(p.Place, backpressure.Now(), well)
	}
}

// full says whether a call that a worker is to run is refused for the sake of what is behind its tool.
func (k *Call) full(class engine.Class) bool {
	return (class == engine.Compute || class == engine.Blocking) && k.Limiter().Full()
}

// appendLimited appends the refusal of a call that found no place.
func (p *Pipeline) appendLimited(dst []byte, k *Call) []byte {
	if k.Suspended() {
		k.Resumed()
		return p.appendCutShort(dst, k, backpressure.ToolLimit)
	}
	return p.appendRefusal(dst, k, k.ID(), backpressure.ToolLimit)
}
