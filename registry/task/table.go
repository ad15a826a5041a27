package task

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"weir/codec"
	"weir/registry/nodeid"
	"weir/registry/shard"
)

// Table holds the tasks there are, finds them by id, bounds them and ends them. Safe for concurrent use.
type Table struct {
	opt     *Options
	m       series
	epoch   time.Time // times are counted from here, monotonically
	byID    *shard.Table[*Task]
	stopped atomic.Bool  // the server stops: whatever comes now ends at once
	bytes   atomic.Int64 // that all tasks keep
	waits   atomic.Int64 // waiters of all tasks

	mu     sync.Mutex // guards owners and what is in them
	owners map[Owner]*owner
}

// NewTable makes an empty table with its series in set, which holds no other table's. o is read as long as the table is
// used. partitions are shard.New's.
func NewTable(o *Options, partitions int, set *metrics.Set) *Table {
	tt := &Table{opt: o, epoch: time.Now(), byID: shard.New[*Task](partitions), owners: make(map[Owner]*owner)}
	tasks := func() int64 { return int64(tt.byID.Len()) }
	tt.m = newSeries(set, o, tasks, tt.bytes.Load, tt.waits.Load)
	return tt
}

// Owner is whose a task is: its principal's, or without one its conversation's. Requests without either (2026-07-28
// over HTTP without authentication) are one client together.
type Owner struct {
	Principal    string
	Conversation any // comparable, as a pointer is; nil with a principal
}

// owner is a client with tasks, in the order in which they began. Those that have left leave gaps, less than half of
// all: hundreds of thousands may expire together, and each would move all that began after it.
type owner struct {
	key   Owner
	tasks []ownedTask
	count int // without the gaps
	last  uint64
}

type ownedTask struct {
	number uint64
	task   *Task // nil: a gap
}

func byNumber(t ownedTask, number uint64) int { return cmp.Compare(t.number, number) }

// refusal is why no task was made, or why a request could not wait.
type refusal uint8

const (
	refusedClient refusal = iota // Options.MaxTasksPerClient
	refusedTotal                 // Options.MaxTasks
	refusedBytes                 // Options.MaxTaskBytes, MaxTaskTotalBytes
	refusedWait                  // Options.MaxTaskWaits, MaxTaskWaitsPerTask: of a tasks/result
	refusals
)

var refusalNames = [refusals]string{"task_limit_per_client", "task_limit", "task_bytes", "task_wait_limit"}

// taskBytes is about what a task keeps beside its request, what it asks for and its result.
const taskBytes = 2048

// Spec is what a new task is made of.
type Spec struct {
	Call         Call
	Owner        Owner
	Modern       bool          // of the extension of 2026-07-28, else of 2025-11-25
	RequestBytes int           // of the message that the call keeps
	TTL          time.Duration // for how long it is kept
}

// Add keeps a new task, within the limits, or says which is reached. The task does nothing before its Begin, which
// has to follow. s.Call is called from then on.
func (tt *Table) Add(s Spec) (*Task, *codec.Error) {
	now := time.Now()
	t := &Task{table: tt, call: s.Call, id: tt.opt.IDs.Make(nodeid.Task), principal: s.Owner.Principal, modern: s.Modern,
		requestBytes: s.RequestBytes, created: now, updated: now, ttl: s.TTL}
	t.expiry.Store(int64(now.Sub(tt.epoch) + s.TTL))
	fits := false
	t.locked(func() { fits = t.chargeLocked(t.requestBytes) })
	why := refusedBytes
	if fits {
		if why = tt.enter(t, s.Owner); why == refusals {
			return t, nil
		}
	}
	tt.m.refused[why].Inc()
	t.locked(t.strikeLocked)
	return nil, tt.refusal(why, t.requestBytes+taskBytes)
}

// enter puts t into the table; refusals is no refusal.
func (tt *Table) enter(t *Task, key Owner) refusal {
	tt.mu.Lock()
	defer tt.mu.Unlock()
	o := tt.owners[key]
	switch {
	case o == nil:
		o = &owner{key: key} // in the table once it has a task
	case o.count >= tt.opt.MaxTasksPerClient:
		return refusedClient
	}
	if !tt.byID.Put(t.id, t, tt.opt.MaxTasks) {
		return refusedTotal
	}
	tt.owners[key] = o
	o.last++
	t.owner, t.number = o, o.last
	o.tasks = append(o.tasks, ownedTask{t.number, t})
	o.count++
	return refusals
}

// leave takes t out of the table.
func (tt *Table) leave(t *Task) {
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

// Find returns the task with this id; nil when there is none, none of the principal's, or none of the era, whose
// results are made differently.
func (tt *Table) Find(id []byte, principal string, modern bool) *Task {
	t, ok := tt.byID.Get(id)
	if !ok || t.principal != principal || t.modern != modern {
		return nil
	}
	return t
}

// of returns at most so many tasks of a client that began after the one with this number (0: all), in order.
func (tt *Table) of(client Owner, after uint64, most int) (found []*Task) {
	tt.mu.Lock()
	defer tt.mu.Unlock()
	o := tt.owners[client]
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

// Len is how many tasks there are.
func (tt *Table) Len() int { return tt.byID.Len() }

// Clients is how many clients have tasks.
func (tt *Table) Clients() int {
	tt.mu.Lock()
	defer tt.mu.Unlock()
	return len(tt.owners)
}

// chargeLocked puts the task on the books with n bytes and its own, instead of what it was there with; false, and no
// change: they do not fit. Less than before always fits.
func (t *Task) chargeLocked(n int) bool {
	if t.forgotten {
		return true
	}
	o := t.table.opt
	n += taskBytes
	delta := int64(n - t.held)
	if total := t.table.bytes.Add(delta); delta > 0 && (n > o.MaxTaskBytes || total > int64(o.MaxTaskTotalBytes)) {
		t.table.bytes.Add(-delta)
		return false
	}
	t.held = n
	return true
}

// strikeLocked takes the task off the books for good.
func (t *Task) strikeLocked() {
	t.table.bytes.Add(-int64(t.held))
	t.held, t.forgotten = 0, true
}

// addWait puts one more waiter of a task that has some on the books, with its message, or says why it may not wait.
func (tt *Table) addWait(w Waiter, has int) (why refusal) {
	n := int64(w.Bytes())
	switch {
	case tt.waits.Add(1) > int64(tt.opt.MaxTaskWaits) || has >= tt.opt.MaxTaskWaitsPerTask:
		why = refusedWait
	case tt.bytes.Add(n) > int64(tt.opt.MaxTaskTotalBytes):
		tt.bytes.Add(-n)
		why = refusedBytes
	default:
		return refusals
	}
	tt.waits.Add(-1)
	return why
}

// wake has waiters, which are none of any task any more, go on.
func (tt *Table) wake(waiters []Waiter) {
	tt.waits.Add(-int64(len(waiters)))
	for _, w := range waiters {
		tt.bytes.Add(-int64(w.Bytes()))
		w.TaskReady()
	}
}

// forget takes the task out of the table and off the books, once, and everybody off the task.
func (t *Task) forget() {
	t.update(func(fx *effects) {
		if !t.forgotten {
			t.strikeLocked()
			t.wakeLocked(fx)
			fx.left, fx.leftTo, t.watchers = true, t.watchers, nil
		}
	})
}

// Grace is how long a task that failed because its time was up can still be asked why.
const Grace = 10 * time.Second

// Expire forgets the tasks whose time is up at now; one that had not ended fails first. Any goroutine, about once a
// second.
func (tt *Table) Expire(now time.Time) {
	at := now.Sub(tt.epoch)
	for _, t := range tt.that(func(t *Task) bool { return at >= time.Duration(t.expiry.Load()) }) {
		t.expire(at)
	}
}

// that returns the tasks of which is says so, to work with them outside the table's locks.
func (tt *Table) that(is func(*Task) bool) (found []*Task) {
	tt.byID.Sweep(func(t *Task) bool {
		if is(t) {
			found = append(found, t)
		}
		return false
	})
	return found
}

// expire forgets a task whose time is up, or fails it first. One whose handler does not return stays, and so does one
// that the queue has not let go of: what is forgotten is counted nowhere, and would fill the queue while no worker
// comes.
func (t *Task) expire(at time.Duration) {
	over := false
	t.locked(func() { over = t.status.Terminal() && !t.running && !t.queued })
	if over {
		t.forget()
		return
	}
	t.expiry.Store(int64(at + Grace))
	t.fail(EndedExpired, errExpired)
}

// Stop ends every task, and those that would begin: the server stops, and they fail with reason draining. Their
// handlers are told, and are the queue's to wait for. Any goroutine.
func (tt *Table) Stop() {
	tt.stopped.Store(true)
	for _, t := range tt.that(func(*Task) bool { return true }) {
		t.fail(EndedDraining, errStopped)
	}
}

// Resume lets tasks begin again after a Stop.
func (tt *Table) Resume() { tt.stopped.Store(false) }
