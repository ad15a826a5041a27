package engine_test

import (
	"errors"
	"testing"

	. "weir/registry/engine"
)

// A registry has one server at a time, which only that one can end, and what it stopped begins again with the next.
func TestOneServer(t *testing.T) {
	r, b, p := newJobs(t)
	if err := r.Attach(new(bench)); !errors.Is(err, ErrServed) {
		t.Error("a second server:", err)
	}
	r.Detach(new(bench))
	p.begin(t, modernJob("job", "this"))
	b.run()
	r.StopTasks()
	r.StopAsking()
	r.Detach(b)
	r.Detach(b)
	p.says(t, modernJob("job", "this"), `"reason":"task_workers"`)
	b = newBench(r)
	id := p.begin(t, modernJob("askjob", "this"))
	b.run()
	p.says(t, taskRequest("get", id, ""), `"status":"input_required"`)
	later(r)
	empty(t, r)
}
