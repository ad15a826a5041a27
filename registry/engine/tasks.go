package engine

import (
	"weir/codec"
	"weir/registry/call"
	"weir/registry/handler"
	"weir/registry/protocol"
	"weir/registry/task"
)

// What the author of a tool says of tasks, and which calls become one. The files: tasks.go this, tasks_call.go how a
// call begins and runs as a task, tasks_methods.go the methods of tasks, tasks_watch.go who hears of them; package
// task what a task is.

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
