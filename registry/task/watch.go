package task

import "slices"

// Watch has w hear of the task from now on; false: it was forgotten.
func (t *Task) Watch(w Watcher) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.forgotten {
		return false
	}
	t.watchers = append(t.watchers, w)
	return true
}

// Unwatch ends what Watch began; what was on its way may still come.
func (t *Task) Unwatch(w Watcher) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.Index(t.watchers, w); i >= 0 {
		t.watchers = slices.Delete(t.watchers, i, i+1)
	}
}

// Progress has who began a task of 2025-11-25 told of its handler's progress; false: nobody is. message is the
// watcher's from now on. In 2026-07-28 there is none (SEP-2663, task status notifications).
func (t *Task) Progress(message []byte) bool {
	if t.modern {
		return false
	}
	t.mu.Lock()
	var w Watcher
	if len(t.watchers) > 0 && !t.status.Terminal() {
		w = t.watchers[0] // there is one
	}
	t.mu.Unlock()
	if w == nil {
		return false
	}
	w.OweAhead(message)
	return true
}
