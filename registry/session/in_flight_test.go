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
	shares    bool
}

func (r *request) ID() []byte { return r.id }
func (r *request) Cancel()    { r.cancelled++ }

func (r *request) SharesID() bool { return r.shares }

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

// Requests that share their id are in flight together, up to a bound, and none is cancelled by it while there are
// several. Two that do not share theirs exclude each other whoever stands between them.
func TestTwinsInFlight(t *testing.T) {
	var f InFlight[*request]
	twin := func(shares bool) (*request, bool) {
		r := &request{id: []byte("1"), shares: shares}
		return r, f.Begin(r, &r.entry, r.hash())
	}
	strict, ok := twin(false)
	var twins []*request
	for range maxTwins - 1 {
		r, began := twin(true)
		ok = ok && began
		twins = append(twins, r)
	}
	if !ok {
		t.Error("a twin was refused")
	}
	if _, ok := twin(true); ok {
		t.Error("there is no bound")
	}
	if f.CancelID(strict.hash(), strict.id) {
		t.Error("one of several was cancelled")
	}
	for _, r := range twins[1:] {
		f.End(&r.entry)
	}
	if _, ok := twin(false); ok {
		t.Error("two that do not share their id are in flight")
	}
	f.End(&strict.entry)
	if !f.CancelID(twins[0].hash(), twins[0].id) || twins[0].cancelled != 1 || strict.cancelled != 0 {
		t.Error("the last one is not cancelled by its id")
	}
	if f.Busy() {
		t.Error("something is left in flight")
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
