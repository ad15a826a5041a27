package engine

import (
	"weir/codec"
	"weir/registry/event"
	"weir/registry/task"
)

// Who hears of a task: in 2026-07-28 the listens that name it, in 2025-11-25 the session or connection that began it.
// They are owed its status as it is when they are told, however often it changed (package event).

// taskSource is a task as its client hears of it.
type taskSource struct{ *task.Task }

// Attach implements event.Source.
func (t taskSource) Attach(sub *event.Subscription) bool { return t.Watch(sub) }

// Append implements event.Source: for a listen in its words, else in those of 2025-11-25.
func (t taskSource) Append(dst []byte, to *event.Subscriber) []byte {
	if !to.Listens() {
		return t.AppendStatus(dst)
	}
	dst = append(dst, `{"jsonrpc":"2.0","method":"notifications/tasks","params":{`...)
	dst = append(to.AppendMeta(dst), ',')
	return append(t.Task.Append(dst, true), "}}"...)
}

// Bytes implements event.Source: a task is there anyway.
func (t taskSource) Bytes() int { return 0 }

// Detach implements event.Source.
func (t taskSource) Detach(sub *event.Subscription) { t.Unwatch(sub) }

// watchTasks has a listen hear of the tasks that it names and may know of, and leaves the others out of its filter
// (SEP-2663, task status notifications). It is owed each task's status now, in case it ended before.
func (eng *Engine) watchTasks(s *event.Subscriber, x *Exchange, wanted *event.Filter) *codec.Error {
	honoured := wanted.TaskIDs[:0]
	for _, id := range wanted.TaskIDs {
		t := eng.tasks.Find([]byte(id), x.Principal, x.Modern())
		if t == nil {
			continue
		}
		sub, e := s.Subscribe(taskSource{t})
		if e != nil {
			return e
		}
		if sub != nil {
			honoured = append(honoured, id)
			sub.Owe()
		}
	}
	wanted.TaskIDs = honoured
	return nil
}
