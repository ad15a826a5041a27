package mount

import (
	"math/rand/v2"
	"testing"

	"weir/registry/call"
)

// TestTable: whatever is opened, sent on and taken in any order, a queue has what it should in the order of its coming,
// and an id of before finds nothing.
func TestTable(t *testing.T) {
	var table table
	table.init()
	someone := table.clientOf(&call.Call{Principal: "p"})
	random := rand.New(rand.NewPCG(1, 2))
	held := map[line][]uint64{}
	var gone []uint64
	remove := func(l line, i int) uint64 {
		id := held[l][i]
		held[l] = append(held[l][:i:i], held[l][i+1:]...)
		return id
	}
	for step := range 20_000 {
		l := line(random.IntN(int(lines)))
		switch random.IntN(3) {
		case 0:
			at, s := table.open()
			s.client = someone
			someone.slots++
			s.of = &call.Forwarded{Bytes: 3}
			table.book(s, 3)
			table.enqueue(at, l, 0)
			held[l] = append(held[l], table.id(at))
		case 1:
			if len(held[l]) > 0 {
				id := remove(l, random.IntN(len(held[l])))
				at, ok := table.find(id)
				if !ok || table.take(at).line != l {
					t.Fatal(step, id)
				}
				gone = append(gone, id)
			}
		case 2:
			if len(held[waiting]) > 0 {
				id := remove(waiting, 0)
				at := table.queues[waiting].first
				if table.id(at) != id {
					t.Fatal(step, "not in order")
				}
				table.dequeue(at)
				table.enqueue(at, sent, 0)
				held[sent] = append(held[sent], id)
			}
		}
	}
	total := 0
	for l := range lines {
		at := table.queueOf(&slot{line: l, client: someone}).first
		for _, id := range held[l] {
			if table.id(at) != id {
				t.Fatalf("queue %d: %d, want %d", l, table.id(at), id)
			}
			at = table.slots[at].next
		}
		if at != nowhere || table.queueOf(&slot{line: l, client: someone}).n != len(held[l]) {
			t.Fatalf("queue %d has more", l)
		}
		total += len(held[l])
	}
	if table.bytes != 3*total {
		t.Errorf("%d bytes of %d calls", table.bytes, total)
	}
	for _, id := range gone {
		if _, ok := table.find(id); ok {
			t.Fatalf("%d is there again", id)
		}
	}
	for _, id := range []uint64{1 << 19, 1<<63 - 1} {
		if _, ok := table.find(id); ok {
			t.Fatal("an id that never was")
		}
	}
}
