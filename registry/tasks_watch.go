package registry

import (
	"weir/codec"
	"weir/registry/task"
)

// Who hears of a task: in 2026-07-28 the listens that name it, in 2025-11-25 the session or connection that began it.
// They are owed its status as it is when they are told, however often it changed (see subscription.go).

// watchFrom has the conversation that begins the task hear of it.
func (r *Registry) watchFrom(x *Exchange, t *task.Task) {
	f := r.feedTo(x)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.end == streamOpen {
		f.enter(t)
	}
}

// enter adds t to what f watches. Needs f.mu.
func (f *Feed) enter(t *task.Task) *watch {
	w := &watch{feed: f, task: t}
	if !t.Watch(w) {
		return nil
	}
	if f.tasks == nil {
		f.tasks = make(map[string]*watch, 1)
	}
	f.tasks[t.ID()] = w
	return w
}

// watchTasks has a listen hear of the tasks that it names and may know of, and leaves the others out of its filter
// (SEP-2663, task status notifications). It is owed each task's status now, in case it ended before.
func (f *Feed) watchTasks(x *Exchange, wanted *filter) *codec.Error {
	honoured := wanted.TaskIDs[:0]
	for _, id := range wanted.TaskIDs {
		t := f.r.tasks.Find([]byte(id), x.Principal, x.modern)
		if t == nil {
			continue
		}
		w, e := f.watchTask(t)
		if e != nil {
			return e
		}
		if w != nil {
			honoured = append(honoured, id)
			f.owe(w)
		}
	}
	wanted.TaskIDs = honoured
	return nil
}

// watchTask: nil, nil for a task that f watches already, or that was forgotten meanwhile.
func (f *Feed) watchTask(t *task.Task) (*watch, *codec.Error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.tasks[t.ID()] != nil {
		return nil, nil
	}
	if e := f.r.takeSubscription(len(f.watched) + len(f.tasks)); e != nil {
		return nil, e
	}
	w := f.enter(t)
	if w == nil {
		f.r.giveSubscriptions(1)
	}
	return w, nil
}

// Owe implements task.Watcher.
func (w *watch) Owe() { w.feed.owe(w) }

// OweAhead implements task.Watcher.
func (w *watch) OweAhead(message []byte) { w.feed.oweProgress(w, message) }

// Drop implements task.Watcher.
func (w *watch) Drop() { w.feed.forgetTask(w) }

// forgetTask takes a task that is forgotten off what f watches.
func (f *Feed) forgetTask(w *watch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w.gone = true
	if id := w.task.ID(); f.tasks[id] == w {
		delete(f.tasks, id)
		f.r.giveSubscriptions(f.itself())
	}
}

// oweProgress has w's client told of a task's progress, in the place of what it was not told yet.
func (f *Feed) oweProgress(w *watch, message []byte) {
	f.mu.Lock()
	w.progress = message
	wake := f.mark(w)
	f.mu.Unlock()
	if wake != nil {
		wake.Wake()
	}
}

// appendTaskChanged appends the notification of what a task is now, to a listen in its words, else in those of
// 2025-11-25. Needs f.mu.
func (f *Feed) appendTaskChanged(dst []byte, t *task.Task) []byte {
	if f.id == nil {
		return t.AppendStatus(dst)
	}
	dst = append(dst, `{"jsonrpc":"2.0","method":"notifications/tasks","params":{`...)
	dst = append(f.appendMeta(dst), ',')
	return append(t.Append(dst, true), "}}"...)
}
