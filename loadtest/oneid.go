package loadtest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Many clients send every request with the same id, so a server that finds a request by its id alone gives answers to the
// wrong one. Here every call of every connection has the id 1, and a number of its own in its arguments, which the tool sends
// back: an answer says by itself whose it is. A ledger holds what became of each number.
//
// Some calls are taken back: with notifications/cancelled, or over HTTP in the modern era by closing the connection (MCP
// 2026-07-28, basic/patterns/cancellation). After a notification the client pings, still with id 1, before it calls again, so that a
// refusal that comes before the pong is known to be the cancelled call's. An answer may cross the notification: its number
// tells.

// OneID is a load of calls that all have the id 1. One is in flight on a connection at a time.
type OneID struct {
	// Calls is how many calls the fleet makes in all. 1 to 100000000.
	Calls int
	// CancelEvery takes every so manieth call back. Of these, one half is taken back in the write that sends them, so that the
	// server has it in its queue at most; the others call Slow, and are taken back CancelAfter later, while they run. 0: none.
	CancelEvery int
	// Slow and SlowArguments are a call that takes far longer than CancelAfter.
	Slow, SlowArguments string
	CancelAfter         time.Duration
}

const (
	// oneNumber is where a call's number stands in the arguments of a fleet with OneID.
	oneNumber = "0000000000"
	oneID     = `"id":1,`
	maxOneID  = 100_000_000
)

func (w *OneID) validate(o *Options) error {
	switch {
	case w.Calls < 1 || w.Calls > maxOneID || w.CancelEvery < 0 || w.CancelAfter < 0:
		return fmt.Errorf("option OneID: Calls is 1 to %d, CancelEvery and CancelAfter are not negative", maxOneID)
	case o.Transport != HTTP && o.Era != Legacy:
		return errors.New("option OneID: is for the legacy era, but over HTTP")
	case o.Method != methodCall || strings.Count(o.Arguments, `"`+oneNumber+`"`) != 1:
		return fmt.Errorf("option OneID: Arguments need one string %q for the number of the call", oneNumber)
	}
	return nil
}

// fate is what became of a call.
type fate uint8

const (
	fateAsked fate = iota
	fateAnswered
	fateRefused
	fateCancelled
)

// entry is a call in the ledger: who made it, and what became of it.
type entry struct {
	client int32 // its generation
	fate   fate
}

// ledger knows every call of one loop. Its methods that say so may be called on nil: a fleet without OneID.
type ledger struct {
	opts    *OneID
	reopens bool // taking a call back ends its connection
	first   uint64
	entries []entry // by number, from first on
	quota   int     // how many there will be
	words   *words  // of connections without a session
	running []running
}

// words are what a connection says.
type words struct {
	call, slow template
	cancel     []byte // notifications/cancelled, and the ping behind it
}

// running is a slow call that is to be taken back.
type running struct {
	slot   int32
	number uint64
	at     time.Duration
}

func newLedger(o *Options, w wire, index int) *ledger {
	quota := o.OneID.Calls*(index+1)/o.Loops - o.OneID.Calls*index/o.Loops
	return &ledger{opts: o.OneID, reopens: o.Transport == HTTP && o.Era == Modern, first: firstID + uint64(index)*maxOneID,
		quota: quota, entries: make([]entry, 0, quota), words: newWords(o, w, nil)}
}

func newWords(o *Options, w wire, session []byte) *words {
	call := func(tool, arguments string) template {
		other := *o
		other.Tool, other.Arguments = tool, arguments
		msgs, err := newMessages(&other.WireOptions)
		if err != nil {
			panic(fmt.Sprintf("loadtest: %v", err)) // both were checked
		}
		body := bytes.Replace(msgs.call, []byte(`"id":`+oneNumber+`,`), []byte(oneID), 1)
		return w.wrap(body, bytes.Index(body, []byte(oneNumber)), session)
	}
	says := &words{call: call(o.Tool, o.Arguments)}
	if o.OneID.CancelEvery > 0 {
		says.slow = call(o.OneID.Slow, o.OneID.SlowArguments)
	}
	if o.Era == Legacy {
		for _, text := range []string{
			`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`, `{"jsonrpc":"2.0",` + oneID + `"method":"ping"}`,
		} {
			t := w.wrap([]byte(text), -1, session)
			says.cancel = append(says.cancel, t.bytes...)
		}
	}
	return says
}

// finished says whether every call was made. g may be nil.
func (g *ledger) finished() bool { return g == nil || len(g.entries) == g.quota }

// due is when the next running call is to be taken back; 0: none is. g may be nil.
func (g *ledger) due() time.Duration {
	if g == nil || len(g.running) == 0 {
		return 0
	}
	return g.running[0].at
}

// find returns the entry of a number; nil: there is none.
func (g *ledger) find(number uint64) *entry {
	if i := number - g.first; number >= g.first && i < uint64(len(g.entries)) {
		return &g.entries[i]
	}
	return nil
}

// askOne makes a connection's next call.
func (l *loop) askOne(c *client) {
	g := l.ledger
	if g.finished() || c.inFlight > 0 || c.pinging {
		return
	}
	number := g.first + uint64(len(g.entries))
	g.entries = append(g.entries, entry{client: c.generation})
	c.asked = number
	c.inFlight++
	l.stats.Sent++
	l.stats.InFlight++
	c.timedAt = time.Since(l.base)
	every := uint64(g.opts.CancelEvery)
	t, now := &c.words.call, false
	if every > 0 && number%every == 0 {
		if now = number/every%2 == 0; !now {
			t = &c.words.slow
			g.running = append(g.running, running{c.slot, number, c.timedAt + g.opts.CancelAfter})
		}
	}
	l.out = t.append(l.out[:0], number)
	if now && !g.reopens {
		l.out = append(l.out, c.words.cancel...)
	}
	l.send(c, l.out)
	if now && c.state != stateEnded {
		l.tookBack(c)
	}
}

// takeBack cancels the slow calls whose time has come.
func (l *loop) takeBack() {
	for at := l.ledger.due(); at > 0 && at <= time.Since(l.base); at = l.ledger.due() {
		g := l.ledger
		r := g.running[0]
		if g.running = g.running[1:]; len(g.running) == 0 {
			g.running = nil
		}
		c := l.clients[r.slot]
		if c == nil || c.asked != r.number || c.inFlight == 0 {
			continue // it was refused, or lost with its connection
		}
		if !g.reopens {
			l.send(c, c.words.cancel)
		}
		if c.state != stateEnded {
			l.tookBack(c)
		}
	}
}

// tookBack enters a cancellation that is on its way, or ends the connection where that is the cancellation.
func (l *loop) tookBack(c *client) {
	l.ledger.find(c.asked).fate = fateCancelled
	l.stats.Cancelled++
	l.offBooks(c)
	if !l.ledger.reopens {
		c.pinging = true
		return
	}
	l.toOpen++
	l.end(c, EndRetired, nil)
}

func (l *loop) offBooks(c *client) {
	c.inFlight--
	l.stats.InFlight--
}

// settleOne finds out whose an answer is.
func (l *loop) settleOne(c *client, a *arrival) {
	if a.kind == arrivalNothing || a.isProse() {
		// A call that was taken back is answered with 202 and nothing, and so is the notification that did it.
		if a.status != 0 && !(c.pinging && a.status == 202) {
			l.withoutNumber(c, outcomeError, a.statusName())
		}
		return
	}
	v := l.judge.read(a.body)
	switch {
	case v.outcome == outcomeNotice:
		l.stats.Notices++
	case v.outcome == outcomeBad || !v.hasID || v.id != 1:
		l.bad(c, fmt.Errorf("%s, and not the id 1, in %.200q", v.reason, a.body))
	case v.outcome == outcomeRefused || v.outcome == outcomeError:
		l.withoutNumber(c, v.outcome, v.reason)
	default:
		if number, ok := numberIn(a.body); ok {
			l.withNumber(c, number, v.outcome)
		} else if c.pinging && bytes.HasSuffix(a.body, []byte(`"result":{}}`)) {
			c.pinging = false
		} else {
			l.crossed(a.body)
		}
	}
}

// withNumber enters the answer to a call.
func (l *loop) withNumber(c *client, number uint64, how outcome) {
	e := l.ledger.find(number)
	switch {
	case e == nil || e.client != c.generation || e.fate == fateAnswered || e.fate == fateRefused:
		l.crossed(fmt.Appendf(nil, "number %d on a connection that asked %d", number, c.asked))
		return
	case e.fate == fateCancelled:
		l.stats.Raced++
	default: // it is c.asked: a connection has one call in flight
		if how == outcomeToolError {
			l.stats.ToolErrors++
		} else {
			l.stats.Results++
		}
		l.offBooks(c)
		record(l.stats.Latency, time.Since(l.base)-c.timedAt)
	}
	e.fate = fateAnswered
}

// withoutNumber enters an error, which does not say whose it is: the call's in flight, or the one's that was taken back.
func (l *loop) withoutNumber(c *client, how outcome, reason []byte) {
	e := l.ledger.find(c.asked)
	switch {
	case c.inFlight > 0:
		count(l.stats.Reasons, reason)
		if how == outcomeRefused {
			l.stats.Refused++
		} else {
			l.stats.Errors++
		}
		l.offBooks(c)
	case c.pinging && e.fate == fateCancelled:
		l.stats.Raced++
	default:
		l.crossed(reason)
		return
	}
	e.fate = fateRefused
}

// crossed counts an answer that should not have come here. The connection goes on: what it still waits for shows too.
func (l *loop) crossed(what []byte) {
	l.stats.Crossed++
	count(l.stats.Failures, fmt.Appendf(nil, "crossed: %.150q", what))
}

// numberIn finds the number that a tool sent back: a text of ten digits.
func numberIn(body []byte) (uint64, bool) {
	const before = `"text":"`
	at := bytes.Index(body, []byte(before))
	if at < 0 || len(body) <= at+len(before)+idDigits || body[at+len(before)+idDigits] != '"' {
		return 0, false
	}
	return tenDigits(body[at+len(before) : at+len(before)+idDigits])
}
