package task

import (
	"encoding/json"
	"strconv"

	"weir/codec"
	"weir/registry/protocol"
)

// How a task looks: flat and whole in 2026-07-28 (SEP-2663), in 2025-11-25 without its result, for which there is
// tasks/result.

// timeLayout is ISO 8601 in UTC.
const timeLayout = "2006-01-02T15:04:05.000Z"

// Append appends the members of the task's object, as it is now, without the brackets. whole: with its result, its
// error or what it asks for, for 2026-07-28.
func (t *Task) Append(dst []byte, whole bool) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	dst = append(dst, `"taskId":"`...)
	dst = append(dst, t.id...)
	dst = append(dst, `","status":"`...)
	dst = append(dst, t.status.String()...)
	dst = append(dst, '"')
	if t.message != "" {
		dst = codec.AppendQuoted(append(dst, `,"statusMessage":`...), t.message)
	}
	dst = t.created.UTC().AppendFormat(append(dst, `,"createdAt":"`...), timeLayout)
	dst = t.updated.UTC().AppendFormat(append(dst, `","lastUpdatedAt":"`...), timeLayout)
	ttl, poll := `","ttl":`, `,"pollInterval":`
	if t.modern {
		ttl, poll = `","ttlMs":`, `,"pollIntervalMs":`
	}
	dst = strconv.AppendInt(append(dst, ttl...), t.ttl.Milliseconds(), 10)
	dst = strconv.AppendInt(append(dst, poll...), t.table.opt.TaskPollInterval.Milliseconds(), 10)
	if !whole {
		return dst
	}
	switch t.status {
	case Completed:
		return append(append(dst, `,"result":`...), t.payload.json...)
	case Failed:
		return append(append(dst, `,"error":`...), t.payload.json...)
	case InputRequired:
		dst = append(dst, `,"inputRequests":{`...)
		for i, r := range t.open {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(codec.AppendQuoted(dst, r.key), ':')
			dst = append(dst, r.encoded...)
		}
		return append(dst, '}')
	}
	return dst
}

// AppendStatus appends the notification of what the task is now, in the words of 2025-11-25.
func (t *Task) AppendStatus(dst []byte) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","method":"notifications/tasks/status","params":{`...)
	return append(t.Append(dst, false), "}}"...)
}

// AppendResult appends, for a request with this id, exactly what the call would have been answered with, but for who it
// belongs to; false, and nothing: the task has not ended.
func (t *Task) AppendResult(dst, id []byte) ([]byte, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.status.Terminal() {
		return dst, false
	}
	dst = append(append(dst, `{"jsonrpc":"2.0","id":`...), id...)
	member := `,"result":`
	if t.payload.isError {
		member = `,"error":`
	}
	return append(append(append(dst, member...), t.payload.json...), '}'), true
}

// Related is the _meta that whatever belongs to a task carries in 2025-11-25 (basic/utilities/tasks, related task
// metadata).
func (t *Task) Related() []byte {
	return []byte(`{"` + protocol.KeyRelatedTask + `":{"taskId":"` + t.id + `"}}`)
}

// Relate is an object of ours with the task in its _meta; a new one for nil; nil when it is none.
func (t *Task) Relate(object []byte) []byte {
	members := map[string]json.RawMessage{}
	meta := map[string]json.RawMessage{}
	if object != nil && json.Unmarshal(object, &members) != nil {
		return nil
	}
	if given := members["_meta"]; given != nil && json.Unmarshal(given, &meta) != nil {
		return nil
	}
	meta[protocol.KeyRelatedTask] = codec.Member(t.Related(), protocol.KeyRelatedTask)
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
