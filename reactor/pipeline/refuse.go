package pipeline

import (
	"strconv"
	"time"

	"weir/backpressure"
	"weir/registry/engine"
	"weir/registry/offer"
)

// Probe says whether a tools/call on c, at the endpoint of a view, would be refused, of which nothing is known but its
// head, which may name the tool. Loop only.
func (in *Intake) Probe(c *Conn, at *offer.View, tool []byte) backpressure.Refusal {
	if in.p.Draining() {
		return backpressure.Draining
	}
	// Of class Compute less is shed.
	if refusal := in.p.Queue.Shedding().Refuses(backpressure.Compute); refusal != backpressure.Accepted {
		return refusal
	}
	refusal := in.probeTool(c, at, tool, 0)
	if !c.refuses(refusal) {
		return backpressure.Accepted
	}
	return refusal
}

func (in *Intake) probeTool(c *Conn, at *offer.View, name []byte, bytes int) backpressure.Refusal {
	class, series := in.p.Engine.ToolAhead(in.p.Engine.Offer().For(at, c.Principal()), name)
	if series != nil && series.Limiter.Full() {
		return backpressure.ToolLimit
	}
	return in.p.Queue.Probe(&c.lane, in.p.workOf(series), queueClass(class), bytes, in.Now())
}

// workOf is what the queue knows of the calls that s counts; nil of those that no series counts.
func (p *Pipeline) workOf(s *engine.Series) *backpressure.Work {
	if s == nil {
		return nil
	}
	w, _ := s.Attached.Load().(*backpressure.Work)
	for !p.Queue.Knows(w) {
		made := p.Queue.NewWork()
		if s.Attached.CompareAndSwap(w, made) || w == nil && s.Attached.CompareAndSwap(nil, made) {
			return made
		}
		w, _ = s.Attached.Load().(*backpressure.Work)
	}
	return w
}

// refuses reports whether a message that met this refusal is to be refused; with on_full pause, and on standard
// streams, a connection's own full queue makes it wait instead.
func (c *Conn) refuses(refusal backpressure.Refusal) bool {
	pauses := c.intake.p.Options.PauseOnFull || c.Listener().Patient
	return refusal != backpressure.Accepted && !(pauses && refusal.OfConnection())
}

// Refuse answers the request id with a refusal. It takes k over.
func (in *Intake) Refuse(k *Call, id []byte, refusal backpressure.Refusal) {
	in.Msg = in.p.appendRefusal(in.Msg[:0], k, id, refusal)
	in.Answer(k, in.Msg)
}

// appendRefusal appends the one shape that every refusal has (docs/PROTOCOL.md, Refusals for want of room) and notes
// when the peer may come again. A notification (no id) gets no answer.
func (p *Pipeline) appendRefusal(dst []byte, k *Call, id []byte, refusal backpressure.Refusal) []byte {
	p.Queue.CountRefusal(refusal)
	after := p.Queue.RetryAfter(refusal)
	k.Outcome, k.RetryAfter = engine.Overloaded, uint16(Seconds(after))
	if id == nil {
		return dst
	}
	return AppendOverloaded(dst, id, refusal, after)
}

// NullID stands for the id of a request that has none, or whose id is not known.
var NullID = []byte("null")

// Seconds rounds up to what Retry-After can say (RFC 9110 10.2.3).
func Seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// AppendOverloaded appends the error that every refusal is.
func AppendOverloaded(dst, id []byte, refusal backpressure.Refusal, after time.Duration) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","id":`...)
	dst = append(dst, id...)
	dst = append(dst, `,"error":{"code":-32603,"message":"`+OverloadedMessage+`","data":`...)
	return append(appendOverloadData(dst, refusal, after), "}}"...)
}

// OverloadedMessage is its message.
const OverloadedMessage = "Server overloaded"

func appendOverloadData(dst []byte, refusal backpressure.Refusal, after time.Duration) []byte {
	dst = append(dst, `{"reason":"`...)
	dst = append(dst, refusal.String()...)
	dst = append(dst, `","retryAfterMs":`...)
	dst = strconv.AppendInt(dst, after.Milliseconds(), 10)
	return append(dst, `,"executed":false}`...)
}
