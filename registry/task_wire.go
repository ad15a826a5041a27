package registry

import (
	"encoding/json"
	"strconv"

	"weir/codec"
	"weir/registry/protocol"
)

// The methods of tasks, and how a task looks: flat and whole in 2026-07-28 (SEP-2663), in 2025-11-25 without its result,
// for which there is tasks/result.

// taskTime is ISO 8601 in UTC.
const taskTime = "2006-01-02T15:04:05.000Z"

// append appends the members of the task. whole: with its result, its error or its questions. Needs t.mu.
func (t *Task) append(dst []byte, whole bool) []byte {
	dst = append(dst, `"taskId":"`...)
	dst = append(dst, t.id...)
	dst = append(dst, `","status":"`...)
	dst = append(dst, taskStatusNames[t.status]...)
	dst = append(dst, '"')
	if t.message != "" {
		dst = codec.AppendQuoted(append(dst, `,"statusMessage":`...), t.message)
	}
	dst = t.created.UTC().AppendFormat(append(dst, `,"createdAt":"`...), taskTime)
	dst = t.updated.UTC().AppendFormat(append(dst, `","lastUpdatedAt":"`...), taskTime)
	ttl, poll := `","ttl":`, `,"pollInterval":`
	if t.x.modern {
		ttl, poll = `","ttlMs":`, `,"pollIntervalMs":`
	}
	dst = strconv.AppendInt(append(dst, ttl...), t.ttl.Milliseconds(), 10)
	dst = strconv.AppendInt(append(dst, poll...), t.r.opt.TaskPollInterval.Milliseconds(), 10)
	if !whole {
		return dst
	}
	switch t.status {
	case taskCompleted:
		return append(append(dst, `,"result":`...), t.payload.json...)
	case taskFailed:
		return append(append(dst, `,"error":`...), t.payload.json...)
	case taskInputRequired:
		dst = append(dst, `,"inputRequests":{`...)
		for i, q := range t.questions {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(codec.AppendQuoted(dst, q.key), ':')
			dst = append(dst, q.encoded...)
		}
		return append(dst, '}')
	}
	return dst
}

// appendCreated appends the answer to the call that became the task, before it is queued.
func (t *Task) appendCreated(dst []byte, x *Exchange) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	dst = appendHead(dst, x.id())
	if !x.modern {
		return append(t.append(append(dst, `{"task":{`...), false), "}}}"...)
	}
	dst = t.append(append(dst, `{"resultType":"task",`...), false)
	dst = append(dst, `,"_meta":{"`+keyServerInfo+`":`...)
	dst = append(dst, t.r.prepared.identity...)
	return append(dst, "}}}"...)
}

// appendTask appends a response whose result is the task.
func (t *Task) appendTask(dst []byte, x *Exchange) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	dst = t.append(append(appendHead(dst, x.id()), '{'), x.modern)
	if x.modern {
		dst = append(dst, t.r.prepared.suffix...)
	}
	return append(dst, "}}"...)
}

// appendAcknowledged appends a response that says nothing but that the request was taken (2026-07-28).
func (r *Registry) appendAcknowledged(dst []byte, x *Exchange) []byte {
	dst = append(appendHead(dst, x.id()), '{')
	dst = append(dst, r.prepared.suffix[1:]...)
	return append(dst, "}}"...)
}

// related is the _meta that whatever belongs to a task carries in 2025-11-25 (basic/utilities/tasks, related task
// metadata).
func (t *Task) related() []byte {
	return []byte(`{"` + keyRelatedTask + `":{"taskId":"` + t.id + `"}}`)
}

// relate is an object of ours with the task in its _meta; a new one for nil.
func relate(object []byte, t *Task) []byte {
	members := map[string]json.RawMessage{}
	meta := map[string]json.RawMessage{}
	if object != nil && json.Unmarshal(object, &members) != nil {
		return nil
	}
	if given := members["_meta"]; given != nil && json.Unmarshal(given, &meta) != nil {
		return nil
	}
	meta[keyRelatedTask] = codec.Member(t.related(), keyRelatedTask)
	encoded, err := json.Marshal(meta)
	if err == nil {
		members["_meta"] = encoded
		encoded, err = json.Marshal(members)
	}
	if err != nil {
		return nil
	}
	return encoded
}

// routeTask refuses the task methods to clients that do not declare the extension (SEP-2663, protocol errors).
func routeTask(_ *Registry, x *Exchange) (Class, *codec.Error) {
	if x.modern && !x.declaresTasks() {
		return Inline, errNeedsTasks
	}
	return x.row.class, nil
}

// serveTaskGet is tasks/get.
func serveTaskGet(r *Registry, x *Exchange, dst []byte) []byte {
	t, e := r.taskOf(x)
	if e != nil {
		return codec.AppendError(dst, x.id(), e)
	}
	return t.appendTask(dst, x)
}

// serveTaskUpdate is tasks/update (2026-07-28).
func serveTaskUpdate(r *Registry, x *Exchange, dst []byte) []byte {
	if x.Cancelled() {
		x.Outcome = Cancelled
		return dst
	}
	t, e := r.taskOf(x)
	if e != nil {
		return codec.AppendError(dst, x.id(), e)
	}
	raw := x.Env.InputResponses.Of(x.Raw)
	if raw == nil {
		return codec.AppendError(dst, x.id(), errInputResponses)
	}
	responses, e := decodeResponses(raw)
	if e == nil {
		if e = t.answer(responses, len(raw), nil); e != nil {
			x.Outcome = LimitReached
		}
	}
	if e != nil {
		return codec.AppendError(dst, x.id(), e)
	}
	return r.appendAcknowledged(dst, x)
}

// serveTaskCancel is tasks/cancel. The task is cancelled at once, whatever its handler does about it. Once it has ended
// there is nothing to cancel, which is an error in 2025-11-25 only.
func serveTaskCancel(r *Registry, x *Exchange, dst []byte) []byte {
	t, e := r.taskOf(x)
	if e != nil {
		return codec.AppendError(dst, x.id(), e)
	}
	ours := t.fail(taskByRequest, errTaskCancelled)
	if x.modern {
		return r.appendAcknowledged(dst, x)
	}
	if !ours {
		t.mu.Lock()
		defer t.mu.Unlock()
		return codec.AppendError(dst, x.id(), errTaskOver(t.status))
	}
	return t.appendTask(dst, x)
}

// taskListTag is in cursors of tasks/list.
const taskListTag = 'k'

// serveTaskList is tasks/list (2025-11-25): the tasks of the principal; without authentication those that the session or
// connection began, and not what else it might know the ids of.
func serveTaskList(r *Registry, x *Exchange, dst []byte) []byte {
	after := uint64(0)
	if token := x.Env.Cursor.Of(x.Raw); token != nil && string(token) != "null" {
		last, ok := protocol.DecodeCursor(taskListTag, token)
		number, err := strconv.ParseUint(last, 10, 63)
		if !ok || err != nil {
			return codec.AppendError(dst, x.id(), errCursor)
		}
		after = number
	}
	all := r.tasks.of(ownerKey(x), after, r.opt.PageSize+1)
	dst = append(appendHead(dst, x.id()), `{"tasks":[`...)
	limit, sent, seen := len(dst)+r.opt.MaxResultBytes-protocol.ListOverheadBytes, 0, 0
	for _, t := range all {
		if seen == r.opt.PageSize {
			break
		}
		if !t.x.modern { // else of the other era, which has no list
			before := len(dst)
			if sent > 0 {
				dst = append(dst, ',')
			}
			if dst = t.appendListed(dst); len(dst) > limit && sent > 0 { // a page has one at least, or the list would not go on
				dst = dst[:before]
				break
			}
			sent++
		}
		seen++
	}
	dst = append(dst, ']')
	if seen < len(all) {
		dst = protocol.AppendCursor(dst, taskListTag, strconv.FormatUint(all[seen-1].number, 10))
	}
	return append(dst, "}}"...)
}

func (t *Task) appendListed(dst []byte) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append(t.append(append(dst, '{'), false), '}')
}
