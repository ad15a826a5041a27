package registry

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/codec"
	"weir/registry/protocol"
)

// What becomes of a task. Every change of status is in this file; end is the one way into a terminal status, so that a
// result, a cancellation, the end of its time and a stop that come together make one ending.

// taskEnding is how a task ended.
type taskEnding uint8

const (
	taskDone        taskEnding = iota // completed: there is a result (in 2025-11-25 one without isError)
	taskError                         // failed: there is an error, or in 2025-11-25 a result with isError
	taskByRequest                     // cancelled, by tasks/cancel
	taskExpired                       // failed: its ttl was over
	taskDraining                      // failed: the server stops
	taskBytesFailed                   // failed: what it had to keep did not fit
	taskEndings
)

var (
	taskEndingNames = [taskEndings]string{"completed", "failed", "cancelled", "task_expired", "draining", "task_bytes"}
	taskEndStatus   = [taskEndings]taskStatus{taskCompleted, taskFailed, taskCancelled, taskFailed, taskFailed, taskFailed}
)

// question is one request for input.
type question struct {
	key     string // on the wire
	asked   string // the handler's key
	request mcp.InputRequest
	encoded []byte
}

// Run runs the task's handler, once for each time it was queued, on a worker of its Class. scratch is room for the answer;
// it comes back, perhaps longer, and holds nothing of worth.
func (t *Task) Run(scratch []byte) []byte {
	t.mu.Lock()
	t.queued = false
	if t.status != taskWorking || t.running {
		t.mu.Unlock() // it ended while it waited
		return scratch
	}
	t.running = true
	t.mu.Unlock()
	s, from := t.x.tool.series, len(scratch)
	start, returned := s.startTimer(), false
	defer func() {
		if !returned { // the handler ended its goroutine: nobody else would say that it is over
			t.conclude(taskError, errorPayload(errPanicked))
			s.finished(start, outcomePanic)
		}
	}()
	out, o := answerToolsCall(t.r, &t.x, scratch)
	returned = true
	switch o {
	case outcomeParked:
		t.suspend()
		return out
	case outcomeOK, outcomeToolError:
		how := taskDone
		if o == outcomeToolError && t.x.rev().Tasks == protocol.TasksAugmented {
			how = taskError
		}
		if !t.conclude(how, payload{json: t.resultOf(out[from:])}) {
			o = outcomeCancelled
		}
	default:
		if !t.conclude(taskError, payload{errorOf(t.x.id(), out[from:]), true}) {
			o = outcomeCancelled
		}
	}
	s.finished(start, o)
	return out
}

// resultOf is a copy of the result in a response of ours, as it is kept.
func (t *Task) resultOf(response []byte) []byte {
	result := response[len(appendHead(nil, t.x.id())) : len(response)-1]
	if !t.x.modern {
		return relate(result, t)
	}
	return slices.Clone(result)
}

// errorOf is a copy of the error in a response of ours.
func errorOf(id, response []byte) []byte {
	return slices.Clone(response[len(`{"jsonrpc":"2.0","id":,"error":`)+len(id) : len(response)-1])
}

// conclude ends the task with what its handler returned; false: it had ended before.
func (t *Task) conclude(how taskEnding, p payload) bool {
	if p.json == nil {
		how, p = taskError, errorPayload(errResultEncoding)
	}
	message := ""
	switch {
	case p.isError:
		text, _ := codec.StringOf(codec.Member(p.json, "message"))
		message = protocol.Clip(string(text))
	case how == taskError:
		message = firstText(p.json)
	}
	t.mu.Lock()
	t.running = false
	if t.status.terminal() {
		t.release()
		t.mu.Unlock()
		return false
	}
	if !t.charge(len(p.json)) {
		how = taskBytesFailed
	}
	t.end(how, p, message)
	return true
}

// firstText is what a tool's result begins with, for people.
func firstText(result []byte) string {
	var r struct{ Content []struct{ Text string } }
	if json.Unmarshal(result, &r) != nil || len(r.Content) == 0 {
		return ""
	}
	return protocol.Clip(r.Content[0].Text)
}

// fail ends a task that may have a handler running, which is told; false: it had ended before.
func (t *Task) fail(how taskEnding, e *codec.Error) bool {
	t.mu.Lock()
	if t.status.terminal() {
		t.mu.Unlock()
		return false
	}
	t.end(how, errorPayload(e), protocol.Clip(e.Message))
	t.x.Cancel()
	return true
}

func (t *Task) stop() { t.fail(taskDraining, errTaskStopped) }

// end makes the task terminal and tells everybody. It needs t.mu, with a status that is not terminal, and unlocks it.
func (t *Task) end(how taskEnding, p payload, message string) {
	if how == taskBytesFailed {
		p, message = errorPayload(errTaskBytes), errTaskBytes.Message
	}
	t.status, t.payload, t.message = taskEndStatus[how], p, message
	t.questions, t.responses, t.state = nil, nil, ""
	t.release()
	asker := t.asker
	t.r.m.tasksEnded[how].Inc()
	t.announce()
	if asker != nil {
		asker.abort(askTaskEnded, errTaskEnded)
	}
}

// release gives up what a terminal task needs no more, once no worker has it. Needs t.mu.
func (t *Task) release() {
	if t.running {
		return
	}
	t.x.Raw, t.x.inputs, t.used = nil, nil, nil
	t.charge(len(t.payload.json))
}

// announce ends every change of status: it notes the time, unlocks t.mu, and tells who waits and who watches.
func (t *Task) announce() {
	t.updated = time.Now()
	var waiters []*ask
	if t.status != taskWorking {
		waiters, t.waiters = t.waiters, nil
	}
	watchers := slices.Clone(t.watchers)
	t.mu.Unlock()
	t.r.tasks.waits.Add(-int64(len(waiters)))
	for _, a := range waiters {
		a.settle(1)
	}
	for _, w := range watchers {
		w.feed.owe(w)
	}
}

// ask keeps what the handler asks for until it has returned. Its worker.
func (t *Task) ask(requests mcp.InputRequestMap, state string) *codec.Error {
	if t.rounds >= maxAskRounds { // only changed while no worker has the task
		return errAskRounds
	}
	t.asks.requests, t.asks.state = requests, state
	return errParked
}

// suspend has the task wait for its client, or go on at once if its handler only wants to be called again.
func (t *Task) suspend() {
	questions, size, e := t.questionsOf(t.asks.requests)
	t.mu.Lock()
	t.running = false
	t.asks.requests = nil
	t.rounds++
	switch {
	case t.status.terminal():
		t.release()
		t.mu.Unlock()
		return
	case e != nil:
		t.end(taskError, errorPayload(e), e.Message)
		return
	case !t.charge(len(t.x.Raw) + size):
		t.end(taskBytesFailed, payload{}, "")
		return
	}
	t.state, t.questions, t.responses = t.asks.state, questions, mcp.InputResponseMap{}
	t.status = taskInputRequired
	if len(questions) == 0 {
		if e := t.resumeLocked(); e != nil {
			e = errTaskStuck(e)
			t.end(taskError, errorPayload(e), e.Message)
			return
		}
	}
	t.r.m.inputRequired.Inc()
	t.announce()
}

// questionsOf encodes what the handler asks for, in an order, under keys that the task has not used yet.
func (t *Task) questionsOf(requests mcp.InputRequestMap) (questions []question, size int, _ *codec.Error) {
	for _, asked := range slices.Sorted(maps.Keys(requests)) {
		key := asked
		for n := 2; ; n++ {
			if _, used := t.used[key]; !used {
				break
			}
			key = asked + "-" + strconv.Itoa(n)
		}
		encoded, err := json.Marshal(mcp.InputRequestMap{asked: requests[asked]})
		if err != nil {
			return nil, 0, errResultEncoding
		}
		q := question{key: key, asked: asked, request: requests[asked], encoded: codec.Member(encoded, asked)}
		if q.encoded == nil { // a key that is escaped in JSON
			return nil, 0, errResultEncoding
		}
		if t.used == nil {
			t.used = make(map[string]struct{}, len(requests))
		}
		t.used[key] = struct{}{}
		questions, size = append(questions, q), size+len(key)+len(q.encoded)
	}
	return questions, size, nil
}

// answer takes responses to what the task asks for, by their keys, from who asked or from tasks/update (nil); others are
// ignored. They came in size bytes, which the task keeps until its handler has returned. With the last one the task goes
// on. An error is that it cannot for now, or that they do not fit: then nothing was taken.
func (t *Task) answer(responses mcp.InputResponseMap, size int, from *ask) *codec.Error {
	t.mu.Lock()
	if t.asker == from {
		t.asker = nil
	}
	if t.status != taskInputRequired {
		t.mu.Unlock()
		return nil
	}
	var open []question
	taken := maps.Clone(t.responses)
	for _, q := range t.questions {
		if response, ok := responses[q.key]; ok {
			taken[q.asked] = response
		} else {
			open = append(open, q)
		}
	}
	if len(open) == len(t.questions) {
		t.mu.Unlock()
		return nil
	}
	if !t.charge(t.held - taskBytes + size) {
		t.r.m.tasksRefused[taskBytesLimit].Inc()
		t.mu.Unlock()
		return errTaskBytesLimit
	}
	kept := t.responses
	t.responses = taken
	if len(open) == 0 {
		if e := t.resumeLocked(); e != nil {
			t.responses = kept
			t.charge(t.held - taskBytes - size)
			t.mu.Unlock()
			return e
		}
	} else {
		t.questions = open
	}
	t.announce()
	return nil
}

// resumeLocked queues the task's handler with what its client answered.
func (t *Task) resumeLocked() *codec.Error {
	t.x.inputs = &inputs{responses: t.responses, state: t.state, rounds: t.rounds}
	if e := t.r.queueTask(t); e != nil {
		return e
	}
	t.status, t.questions = taskWorking, nil
	return nil
}

// note gives a task that works its status message.
func (t *Task) note(message string) {
	t.mu.Lock()
	if t.status != taskWorking {
		t.mu.Unlock()
		return
	}
	t.message = protocol.Clip(message)
	t.announce()
}

// errorPayload encodes the error of a JSON-RPC response.
func errorPayload(e *codec.Error) payload {
	id := []byte("0")
	return payload{errorOf(id, codec.AppendError(nil, id, e)), true}
}
