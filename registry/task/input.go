package task

import (
	"maps"
	"slices"
	"strconv"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/protocol"
	"weir/registry/value"
)

// Suspend has the task wait for its client, or go on at once if its handler only wants to be called again; false: it
// ended instead, or had ended before. Its worker calls it, with what the handler asks for and wants to remember.
func (t *Task) Suspend(requests mcp.InputRequestMap, state string) (suspended bool) {
	open, size, e := t.encodeRequests(requests)
	t.update(func(fx *effects) {
		t.running = false
		t.rounds++
		switch {
		case t.status.Terminal():
			t.releaseLocked(fx)
			return
		case e != nil:
			t.endLocked(fx, EndedError, errorPayload(e), e.Message)
			return
		case !t.chargeLocked(t.requestBytes + size):
			over := t.table.overBytes(t.requestBytes + size + taskBytes)
			t.endLocked(fx, EndedBytes, errorPayload(over), over.Message)
			return
		}
		t.state, t.open, t.responses = state, open, mcp.InputResponseMap{}
		t.status = InputRequired
		if len(open) == 0 {
			if e := t.resumeLocked(); e != nil {
				e = errStuck(e)
				t.endLocked(fx, EndedError, errorPayload(e), e.Message)
				return
			}
		}
		suspended = true
		t.changedLocked(fx)
	})
	return suspended
}

// encodeRequests encodes what the handler asks for, in an order, under keys that the task has not used yet. size is
// what they take.
func (t *Task) encodeRequests(requests mcp.InputRequestMap) (open []inputRequest, size int, _ *codec.Error) {
	for _, asked := range slices.Sorted(maps.Keys(requests)) {
		key := asked
		for n := 2; ; n++ {
			if _, used := t.used[key]; !used {
				break
			}
			key = asked + "-" + strconv.Itoa(n)
		}
		const only = "r" // an asked key may be escaped in JSON
		encoded, err := value.Marshal(mcp.InputRequestMap{only: requests[asked]})
		if err != nil {
			return nil, 0, protocol.ResultEncoding(err.Error())
		}
		r := inputRequest{key: key, asked: asked, request: requests[asked], encoded: codec.Member(encoded, only)}
		if t.used == nil {
			t.used = make(map[string]struct{}, len(requests))
		}
		t.used[key] = struct{}{}
		open, size = append(open, r), size+len(key)+len(r.encoded)
	}
	return open, size, nil
}

// resumeLocked queues the handler with what its client answered.
func (t *Task) resumeLocked() *codec.Error {
	if e := t.queueLocked(); e != nil {
		return e
	}
	t.status, t.open = Working, nil
	return nil
}

// Open is what the task asks for and has not been answered, by the keys of the wire.
func (t *Task) Open() mcp.InputRequestMap {
	t.mu.Lock()
	defer t.mu.Unlock()
	open := make(mcp.InputRequestMap, len(t.open))
	for _, r := range t.open {
		open[r.key] = r.request
	}
	return open
}

// Answer takes responses to what the task asks for, by the keys of the wire, from a Carrier or from tasks/update (nil);
// others are ignored. They came in size bytes, which the task keeps until its handler has returned. With the last one
// the task goes on. An error is that it cannot for now, or that they do not fit: then nothing was taken.
func (t *Task) Answer(responses mcp.InputResponseMap, size int, from Carrier) (e *codec.Error) {
	t.update(func(fx *effects) {
		if t.carrier == from {
			t.carrier = nil
		}
		if t.status == InputRequired {
			e = t.answerLocked(fx, responses, size)
		}
	})
	return e
}

func (t *Task) answerLocked(fx *effects, responses mcp.InputResponseMap, size int) *codec.Error {
	var open []inputRequest
	taken := maps.Clone(t.responses)
	for _, r := range t.open {
		if response, ok := responses[r.key]; ok {
			taken[r.asked] = response
		} else {
			open = append(open, r)
		}
	}
	if len(open) == len(t.open) {
		return nil
	}
	before := t.held - taskBytes
	if !t.chargeLocked(before + size) {
		fx.refused = t.table.m.refused[refusedBytes]
		return t.table.refusal(refusedBytes, taskBytes+before+size)
	}
	kept := t.responses
	t.responses = taken
	if len(open) > 0 {
		t.open = open
	} else if e := t.resumeLocked(); e != nil {
		t.responses = kept
		t.chargeLocked(before)
		return e
	}
	t.changedLocked(fx)
	return nil
}
