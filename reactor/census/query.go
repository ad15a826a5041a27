package census

import (
	"cmp"
	"net/netip"
	"time"

	"weir/reactor/loop"
)

// Order is what the connections of a page are sorted by, the most of it first; equal ones by their ID.
type Order uint8

const (
	ByAge      Order = iota // the oldest first
	BySilence               // who said nothing for longest
	ByBytes                 // what they hold
	ByInFlight              // what they asked and is not answered
	orders
)

var orderNames = [orders]string{"age", "silent", "bytes", "in_flight"}

// OrderOf finds an order by its word; "" is ByAge.
func OrderOf(word string) (Order, bool) {
	for o, name := range orderNames {
		if name == word {
			return Order(o), true
		}
	}
	return ByAge, word == ""
}

// Orders are the words of all orders.
func Orders() []string { return orderNames[:] }

// MaxRows bounds a page.
const MaxRows = 200

// Query says which connections, in which order. What is zero filters nothing.
type Query struct {
	Transport   string // as in weir_transport_connections
	Principal   string
	Peer        netip.Prefix // of the peer's address
	MinAge      time.Duration
	MinSilence  time.Duration
	MinBytes    int // held, as by Account.Total
	MinInFlight int

	Order Order
	Rows  int // of a page: 1 to MaxRows
	After *Mark
}

// Mark is the place of a row in its order.
type Mark struct {
	Key int64 // the greater comes first
	loop.ID
}

// before says whether m comes before other.
func (m Mark) before(other Mark) bool {
	return cmp.Or(cmp.Compare(other.Key, m.Key), cmp.Compare(m.Loop, other.Loop), cmp.Compare(m.Slot, other.Slot),
		cmp.Compare(m.Generation, other.Generation)) < 0
}
