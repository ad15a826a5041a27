package calls

import (
	"math/rand/v2"
	"testing"

	"weir/registry/call"
)

// TestTable: whatever is opened, sent on and taken in any order, a queue has what it should in the order of its coming,
// and an id of before finds nothing.
func TestTable(t *testing.T) {
	table := New(Bounds{InFlight: 1 << 20, Share: 100})
	someone := table.clientOf(&call.Call{Principal: "p"})
	random := rand.New(rand.NewPCG(1, 2))
	held := map[Line][]uint64{}
	var gone []uint64
	remove := func(l Line, i int) uint64 {
		id := held[l][i]
		held[l] = append(held[l][:i:i], held[l][i+1:]...)
		return id
	}
	for step := range 20_000 {
		l := Line(random.IntN(int(lines)))
		switch random.IntN(3) {
		case 0:
			at, s := table.open()
			s.client = someone
			someone.slots++
			s.Of = &call.Forwarded{Bytes: 3}
			table.book(s, 3)
			table.enqueue(at, l, 0)
			held[l] = append(held[l], table.ID(at))
		case 1:
			if len(held[l]) > 0 {
				id := remove(l, random.IntN(len(held[l])))
				at, ok := table.Find(id)
				if !ok || table.take(at).Line != l {
					t.Fatal(step, id)
				}
				gone = append(gone, id)
			}
		case 2:
			if len(held[Waiting]) > 0 {
				id := remove(Waiting, 0)
				at := table.queues[Waiting].first
				if table.ID(at) != id {
					t.Fatal(step, "not in order")
				}
				table.dequeue(at)
				table.enqueue(at, Sent, 0)
				held[Sent] = append(held[Sent], id)
			}
		}
	}
	total := 0
	for l := range lines {
		at := table.queueOf(&Slot{Line: l, client: someone}).first
		for _, id := range held[l] {
			if table.ID(at) != id {
				t.Fatalf("queue %d: %d, want %d", l, table.ID(at), id)
			}
			at = table.slots[at].next
		}
		if at != Nowhere || table.queueOf(&Slot{Line: l, client: someone}).n != len(held[l]) {
			t.Fatalf("queue %d has more", l)
		}
		total += len(held[l])
	}
	if table.bytes != 3*total {
		t.Errorf("%d bytes of %d calls", table.bytes, total)
	}
	for _, id := range gone {
		if _, ok := table.Find(id); ok {
			t.Fatalf("%d is there again", id)
		}
	}
	for _, id := range []uint64{1 << 19, 1<<63 - 1} {
		if _, ok := table.Find(id); ok {
			t.Fatal("an id that never was")
		}
	}
}
