package engine

import (
	"weir/codec"
	"weir/registry/call"
	"weir/registry/event"
	"weir/registry/handler"
	"weir/registry/protocol"
	"weir/registry/task"
)

// What the author of a tool says of tasks, which calls become one, and who hears of them. The files: tasks.go this,
// tasks_call.go how a call begins and runs as a task, tasks_methods.go the methods of tasks; package task what a task
// is.

// declaresTasks says whether the request's client can have tasks (2026-07-28).
func (x *Exchange) declaresTasks() bool {
	value := codec.Member(codec.Member(x.Env.ClientCapabilities.Of(x.Raw), "extensions"), protocol.KeyTasks)
	return value != nil && value[0] == '{'
}

// routeCall decides whether a tools/call becomes a task.
func (x *Exchange) routeCall(t *handler.Tool) (Class, *codec.Error) {
	switch x.Rev().Tasks {
	case protocol.TasksExtension:
		answers := x.Env.InputResponses.Of(x.Raw) != nil || x.Env.RequestState.Of(x.Raw) != nil
		switch {
		case t.Handler.Tasks == call.TaskForbidden:
		case !x.declaresTasks():
			if t.Handler.Tasks == call.TaskRequired {
				return Inline, protocol.ErrNeedsTasks
			}
		case answers:
			x.asTask = true
			return Compute, nil // they are to be decoded
		case !t.Handler.AsksFirst:
			x.asTask = true
			return Inline, nil
		}
	case protocol.TasksAugmented:
		wanted := codec.Member(x.Env.Params.Of(x.Raw), "task")
		if wanted != nil && wanted[0] == 'n' {
			wanted = nil
		}
		switch {
		case wanted == nil && t.Handler.Tasks == call.TaskRequired:
			return Inline, task.ErrRequired
		case wanted == nil:
		case t.Handler.Tasks == call.TaskForbidden:
			return Inline, task.ErrForbidden
		case wanted[0] != '{':
			return Inline, task.ErrParam
		default:
			x.asTask = true
			return Inline, nil
		}
	}
	return classOf(&t.Handler), nil
}

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
