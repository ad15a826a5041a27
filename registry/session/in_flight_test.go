package session

import (
	"math/rand/v2"
	"strconv"
	"testing"
)

// request is a request that counts how often it was cancelled.
type request struct {
	entry     Entry[*request]
	id        []byte
	cancelled int
}

func (r *request) ID() []byte { return r.id }
func (r *request) Cancel()    { r.cancelled++ }

// hash has collisions.
func (r *request) hash() uint64 { return uint64(len(r.id)) }

// The table is there while more than one request is in flight, whatever their order and their hashes, and goes with the
// last.
func TestInFlight(t *testing.T) {
	const n = 300
	var f InFlight[*request]
	all := make([]*request, n)
	for i := range all {
		all[i] = &request{id: strconv.AppendInt(nil, int64(i), 10)}
		if !f.Begin(all[i], &all[i].entry, all[i].hash()) {
			t.Fatal("refused", i)
		}
		if i == 0 && (f.one == nil || f.more != nil) {
			t.Error("one request alone needs a table")
		}
	}
	twin := &request{id: []byte("7")}
	if f.Begin(twin, &twin.entry, twin.hash()) {
		t.Error("an id is in flight twice")
	}
	f.End(&twin.entry) // which never began
	rand.Shuffle(n, func(i, j int) { all[i], all[j] = all[j], all[i] })
	for i, r := range all {
		if i%2 == 0 {
			if !f.CancelID(r.hash(), r.ID()) || f.CancelID(r.hash(), r.ID()) {
				t.Errorf("%s is not cancelled once", r.id)
			}
		}
		f.End(&r.entry)
		f.End(&r.entry)
		if r.cancelled != 1-i%2 {
			t.Errorf("%s was cancelled %d times", r.id, r.cancelled)
		}
	}
	if f.one != nil || f.more != nil || f.Busy() {
		t.Error("the table stayed")
	}
}

func TestBeginAndEndAllocateNothing(t *testing.T) {
	var f InFlight[*request]
	a, b := &request{id: []byte("a")}, &request{id: []byte("b")}
	if n := testing.AllocsPerRun(1000, func() {
		f.Begin(a, &a.entry, 1)
		f.Begin(b, &b.entry, 2)
		f.End(&a.entry)
		f.End(&b.entry)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
