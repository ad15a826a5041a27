package client

import (
	"bytes"
	"fmt"
	"time"

	"weir/loadtest/wire"
)

// callState is what became of a call.
type callState uint8

const (
	callSent callState = iota
	callAnswered
	callRefused
	callCancelled
)

// logEntry is a call in the log: who made it, and what became of it.
type logEntry struct {
	connection int32 // its generation
	state      callState
}

// callLog knows every call of one loop. Its methods that say so may be called on nil: a fleet without OneID.
type callLog struct {
	opts      *OneID
	reopens   bool // taking a call back ends its connection
	first     uint64
	entries   []logEntry      // by number, from first on
	quota     int             // how many there will be
	templates *oneIDTemplates // of connections without a session
	running   []running
}

// oneIDTemplates are what a connection says.
type oneIDTemplates struct {
	call, slow wire.Template
	cancel     []byte // notifications/cancelled, and the ping behind it
}

// running is a slow call that is to be taken back.
type running struct {
	slot   int32
	number uint64
	at     time.Duration
}

func newCallLog(o *Options, w wire.Format, index int) *callLog {
	quota := o.OneID.Calls*(index+1)/o.Loops - o.OneID.Calls*index/o.Loops
	return &callLog{opts: o.OneID, reopens: o.Transport == wire.HTTP && o.Era == wire.Modern, first: wire.FirstID +
		uint64(index)*maxOneID,
		quota: quota, entries: make([]logEntry, 0, quota), templates: newOneIDTemplates(o, w, nil)}
}

func newOneIDTemplates(o *Options, w wire.Format, session []byte) *oneIDTemplates {
	call := func(tool, arguments string) wire.Template {
		other := *o
		other.Tool, other.Arguments = tool, arguments
		msgs, err := wire.NewMessages(&other.Options)
		if err != nil {
			panic(fmt.Sprintf("loadtest: %v", err)) // both were checked
		}
		body := bytes.Replace(msgs.Call, []byte(`"id":`+oneNumber+`,`), []byte(oneID), 1)
		return w.Wrap(body, bytes.Index(body, []byte(oneNumber)), session)
	}
	says := &oneIDTemplates{call: call(o.Tool, o.Arguments)}
	if o.OneID.CancelEvery > 0 {
		says.slow = call(o.OneID.Slow, o.OneID.SlowArguments)
	}
	if o.Era == wire.Legacy {
		for _, text := range []string{
			`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`, `{"jsonrpc":"2.0",` + oneID +
				`"method":"ping"}`,
		} {
			t := w.Wrap([]byte(text), -1, session)
			says.cancel = append(says.cancel, t.Bytes...)
		}
	}
	return says
}

// finished says whether every call was made. g may be nil.
func (g *callLog) finished() bool { return g == nil || len(g.entries) == g.quota }

// due is when the next running call is to be taken back; 0: none is. g may be nil.
func (g *callLog) due() time.Duration {
	if g == nil || len(g.running) == 0 {
		return 0
	}
	return g.running[0].at
}

// find returns the entry of a number; nil: there is none.
func (g *callLog) find(number uint64) *logEntry {
	if i := number - g.first; number >= g.first && i < uint64(len(g.entries)) {
		return &g.entries[i]
	}
	return nil
}
