package task

import (
	"encoding/json"
	"slices"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/protocol"
)

// Inputs are what a handler that has asked its client is called again with. The zero value is a first run's.
type Inputs struct {
	Responses mcp.InputResponseMap // by the handler's keys
	State     string               // that it remembers
	Rounds    int                  // how often it has asked
}

// Answer says what a handler's call was answered with.
type Answer uint8

// What Conclude is given.
const (
	Result    Answer = iota // the result object
	ToolError               // a result object with isError
	Failure                 // the error object
)

// Begin queues a new task, once, or forgets it and says why there is no room.
func (t *Task) Begin() (e *codec.Error) {
	t.update(func(*effects) { e = t.queueLocked() })
	if e != nil {
		t.forget()
		return e
	}
	t.table.m.created.Inc()
	if t.table.stopped.Load() { // after it was added: either Stop saw it, or this sees that it came too late
		t.fail(EndedDraining, errStopped)
	}
	return nil
}

func (t *Task) queueLocked() *codec.Error {
	e := t.call.Queue()
	t.queued = t.queued || e == nil
	return e
}

// Start gives the task to a worker, which has to Conclude or Suspend it; false: there is nothing to run, it ended
// while it waited.
func (t *Task) Start() (in Inputs, ok bool) {
	t.update(func(*effects) {
		t.queued = false
		if ok = t.status == Working && !t.running; ok {
			t.running = true
			in = Inputs{Responses: t.responses, State: t.state, Rounds: t.rounds}
		}
	})
	return in, ok
}

// Conclude ends the task with what its handler's call was answered with, of which it keeps a copy; false: it had ended
// before. Its worker calls it.
func (t *Task) Conclude(a Answer, object []byte) (ours bool) {
	p := payload{isError: a == Failure}
	if a == Failure || t.modern {
		p.json = slices.Clone(object)
	} else {
		p.json = t.Relate(object)
	}
	if p.json == nil {
		a, p = Failure, errorPayload(protocol.ResultEncoding("it has no place for what belongs to its task"))
	}
	how, message := EndedDone, ""
	switch {
	case a == Failure:
		text, _ := codec.StringOf(codec.Member(p.json, "message"))
		how, message = EndedError, protocol.Clip(string(text))
	case a == ToolError && !t.modern:
		how, message = EndedError, firstText(p.json)
	}
	t.update(func(fx *effects) {
		t.running = false
		if ours = !t.status.Terminal(); !ours {
			t.releaseLocked(fx)
			return
		}
		if !t.chargeLocked(len(p.json)) {
			over := t.table.overBytes(len(p.json) + taskBytes)
			how, p, message = EndedBytes, errorPayload(over), over.Message
		}
		t.endLocked(fx, how, p, message)
	})
	return ours
}

// firstText is what a tool's result begins with, for people.
func firstText(result []byte) string {
	var r struct{ Content []struct{ Text string } }
	if json.Unmarshal(result, &r) != nil || len(r.Content) == 0 {
		return ""
	}
	return protocol.Clip(r.Content[0].Text)
}
