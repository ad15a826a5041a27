package registry

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"weir/codec"
	"weir/registry/shard"
)

// taskTable holds the tasks there are, finds them by id, and counts them.
type taskTable struct {
	byID    *shard.Table[*Task]
	offered atomic.Bool  // some tool has tasks
	stopped atomic.Bool  // the server stops: whatever comes now ends at once
	bytes   atomic.Int64 // that all tasks keep
	waits   atomic.Int64 // parked tasks/result requests

	mu     sync.Mutex // guards owners and what is in them
	owners map[taskKey]*taskOwner
}

// taskKey is whose a task is: its principal's, or without one its conversation's. Requests without either (2026-07-28 over
// HTTP without authentication) are one client together.
type taskKey struct {
	principal string
	conv      *Conversation
}

func ownerKey(x *Exchange) taskKey {
	if x.Principal != "" {
		return taskKey{principal: x.Principal}
	}
	return taskKey{conv: x.Conv}
}

// taskOwner is a client with tasks, in the order in which they began. Those that have left leave gaps, less than half of
// all: hundreds of thousands may expire together, and each would move all that began after it.
type taskOwner struct {
	key   taskKey
	tasks []ownedTask
	count int // without the gaps
	last  uint64
}

type ownedTask struct {
	number uint64
	task   *Task // nil: a gap
}

// taskRefusal is why no task was made.
type taskRefusal uint8

const (
	taskClientLimit taskRefusal = iota // Options.MaxTasksPerClient
	taskTotalLimit                     // Options.MaxTasks
	taskBytesLimit                     // Options.MaxTaskBytes, MaxTaskTotalBytes
	taskWaitLimit                      // Options.MaxTaskWaits, MaxTaskWaitsPerTask: of a tasks/result
	taskRefusals
)

var taskRefusalNames = [taskRefusals]string{"client_task_limit", "task_limit", "task_bytes", "task_wait_limit"}

// add keeps a new task, within the limits.
func (tt *taskTable) add(t *Task) *codec.Error {
	refusal := taskBytesLimit
	t.mu.Lock()
	fits := t.charge(len(t.x.Raw))
	t.mu.Unlock()
	if fits {
		if refusal = tt.enter(t); refusal == taskRefusals {
			return nil
		}
	}
	t.r.m.tasksRefused[refusal].Inc()
	t.forget()
	return [taskRefusals]*codec.Error{errClientTasks, errTotalTasks, errTaskBytesLimit, errTaskWaits}[refusal]
}

// enter puts t into the table; taskRefusals is no refusal.
func (tt *taskTable) enter(t *Task) taskRefusal {
	tt.mu.Lock()
	defer tt.mu.Unlock()
	o := tt.owners[t.owner.key]
	switch {
	case o == nil:
		o = t.owner
	case o.count >= t.r.opt.MaxTasksPerClient:
		return taskClientLimit
	}
	if !tt.byID.Put(t.id, t, t.r.opt.MaxTasks) {
		return taskTotalLimit
	}
	if tt.owners == nil {
		tt.owners = make(map[taskKey]*taskOwner)
	}
	tt.owners[o.key] = o
	o.last++
	t.owner, t.number = o, o.last
	o.tasks = append(o.tasks, ownedTask{t.number, t})
	o.count++
	return taskRefusals
}

// leave takes t out of the table.
func (tt *taskTable) leave(t *Task) {
	tt.mu.Lock()
	defer tt.mu.Unlock()
	tt.byID.Remove([]byte(t.id))
	o := t.owner
	if i, found := slices.BinarySearchFunc(o.tasks, t.number, byNumber); found {
		o.tasks[i].task = nil
		if o.count--; o.count*2 <= len(o.tasks) {
			o.tasks = slices.DeleteFunc(o.tasks, func(t ownedTask) bool { return t.task == nil })
		}
	}
	if o.count == 0 && tt.owners[o.key] == o {
		delete(tt.owners, o.key)
	}
}

func byNumber(t ownedTask, number uint64) int { return cmp.Compare(t.number, number) }

// of returns the tasks of a client after a number, in order of their beginning.
func (tt *taskTable) of(key taskKey, after uint64, most int) (found []*Task) {
	tt.mu.Lock()
	defer tt.mu.Unlock()
	o := tt.owners[key]
	if o == nil {
		return nil
	}
	i, _ := slices.BinarySearchFunc(o.tasks, after+1, byNumber)
	for ; i < len(o.tasks) && len(found) < most; i++ {
		if t := o.tasks[i].task; t != nil {
			found = append(found, t)
		}
	}
	return found
}

// charge puts the task on the books with n bytes and its own, instead of what it was there with; false, and no change:
// they do not fit. Needs t.mu. Less than before always fits.
func (t *Task) charge(n int) bool {
	if t.gone {
		return true
	}
	o := &t.r.opt
	n += taskBytes
	delta := int64(n - t.held)
	if total := t.r.tasks.bytes.Add(delta); delta > 0 && (n > o.MaxTaskBytes || total > int64(o.MaxTaskTotalBytes)) {
		t.r.tasks.bytes.Add(-delta)
		return false
	}
	t.held = n
	return true
}

// forget takes the task out of the table and off the books, once, and everybody off the task.
func (t *Task) forget() {
	t.mu.Lock()
	if t.gone {
		t.mu.Unlock()
		return
	}
	t.gone = true
	t.r.tasks.bytes.Add(-int64(t.held))
	t.held = 0
	watchers, waiters := t.watchers, t.waiters
	t.watchers, t.waiters = nil, nil
	t.mu.Unlock()
	t.r.tasks.leave(t)
	t.r.tasks.waits.Add(-int64(len(waiters)))
	for _, a := range waiters {
		a.settle(1)
	}
	for _, w := range watchers {
		w.feed.forgetTask(w)
	}
}

// taskOf finds the task that a request names. Another principal's is as unknown as one that never was, and so is one of
// the other era, whose results are made differently.
func (r *Registry) taskOf(x *Exchange) (*Task, *codec.Error) {
	id, ok := codec.StringOf(x.Env.TaskID.Of(x.Raw))
	if !ok {
		return nil, errTaskID
	}
	if t := r.findTask(x, id); t != nil {
		return t, nil
	}
	return nil, errUnknownTask
}

func (r *Registry) findTask(x *Exchange, id []byte) *Task {
	t, ok := r.tasks.byID.Get(id)
	if !ok || t.x.Principal != x.Principal || t.x.modern != x.modern {
		return nil
	}
	return t
}

// taskGrace is how long a task that failed because its time was up can still be asked why.
const taskGrace = 10 * time.Second

// expireTasks forgets the tasks whose time is up; one that had not ended fails first.
func (r *Registry) expireTasks(at time.Duration) {
	for _, t := range r.tasksThat(func(t *Task) bool { return at >= time.Duration(t.expiry.Load()) }) {
		t.expire(at)
	}
}

// tasksThat returns the tasks of which is says so, to work with them outside the table's locks.
func (r *Registry) tasksThat(is func(*Task) bool) (found []*Task) {
	r.tasks.byID.Sweep(func(t *Task) bool {
		if is(t) {
			found = append(found, t)
		}
		return false
	})
	return found
}

// expire forgets a task whose time is up, or fails it first. One whose handler does not return stays, and so does one that
// the queue has not let go of: what is forgotten is counted nowhere, and would fill the queue while no worker comes.
func (t *Task) expire(at time.Duration) {
	t.mu.Lock()
	ended := t.status.terminal() && !t.running && !t.queued
	t.mu.Unlock()
	if ended {
		t.forget()
		return
	}
	t.expiry.Store(int64(at + taskGrace))
	t.fail(taskExpired, errTaskExpired)
}

// StopTasks ends every task, and those that would begin: the server stops, and they fail with reason draining. Their
// handlers are told, and are the queue's to wait for. Any goroutine.
func (r *Registry) StopTasks() {
	r.tasks.stopped.Store(true)
	for _, t := range r.tasksThat(func(*Task) bool { return true }) {
		t.stop()
	}
}
