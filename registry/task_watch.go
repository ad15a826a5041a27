package registry

import (
	"slices"

	"weir/codec"
)

// Who hears of a task: in 2026-07-28 the listens that name it, in 2025-11-25 the session or connection that began it. They
// are owed its status as it is when they are told, however often it changed (see subscription.go).

// watchFrom has the conversation that begins the task hear of it.
func (t *Task) watchFrom(x *Exchange) {
	f := t.r.feedTo(x)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.end == streamOpen {
		f.enter(t)
	}
}

// enter adds t to what f watches. Needs f.mu.
func (f *Feed) enter(t *Task) *watch {
	w := &watch{feed: f, task: t}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.gone {
		return nil
	}
	t.watchers = append(t.watchers, w)
	if f.tasks == nil {
		f.tasks = make(map[string]*watch, 1)
	}
	f.tasks[t.id] = w
	return w
}

// watchTasks has a listen hear of the tasks that it names and may know of, and leaves the others out of its filter
// (SEP-2663, task status notifications). It is owed each task's status now, in case it ended before.
func (f *Feed) watchTasks(x *Exchange, wanted *filter) *codec.Error {
	honoured := wanted.TaskIDs[:0]
	for _, id := range wanted.TaskIDs {
		t := f.r.findTask(x, []byte(id))
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
func (f *Feed) watchTask(t *Task) (*watch, *codec.Error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.tasks[t.id] != nil {
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

// unwatch takes a watcher off the task: its feed has ended.
func (t *Task) unwatch(w *watch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.Index(t.watchers, w); i >= 0 {
		t.watchers = slices.Delete(t.watchers, i, i+1)
	}
}

// forgetTask takes a task that is forgotten off what f watches.
func (f *Feed) forgetTask(w *watch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w.gone = true
	if f.tasks[w.task.id] == w {
		delete(f.tasks, w.task.id)
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

// appendChanged appends the notification of what the task is now: to a listen in its words, else (also without a feed) in
// those of 2025-11-25. Needs the feed's mu.
func (t *Task) appendChanged(dst []byte, f *Feed) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f == nil || f.id == nil {
		dst = append(dst, `{"jsonrpc":"2.0","method":"notifications/tasks/status","params":{`...)
		return append(t.append(dst, false), "}}"...)
	}
	dst = append(dst, `{"jsonrpc":"2.0","method":"notifications/tasks","params":{`...)
	dst = append(f.appendMeta(dst), ',')
	return append(t.append(dst, true), "}}"...)
}
