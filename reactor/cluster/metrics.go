package cluster

import (
	"errors"
	"fmt"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// sendReason says why a message was not sent.
type sendReason uint8

const (
	sendNoNode sendReason = iota
	sendFull
	sendTooLarge
	sendRefused
	sendClosed
	sendReasons
)

var sendNames = [sendReasons]string{"no_node", "full", "too_large", "refused", "closed"}

// sendErrors are the errors of Send in the order of the reasons.
var sendErrors = [sendReasons]error{ErrNoNode, ErrFull, ErrTooLarge, ErrRefused, ErrClosed}

type nodeMetrics struct {
	messagesOut, bytesOut, messagesIn, bytesIn *metrics.Counter
	nobody, dropped, roundTrips, lost          *metrics.Counter
	roundTripTime                              *metrics.FloatCounter
	refused                                    [sendReasons]*metrics.Counter
}

// register makes the series of a node.
func (n *Node) register(set *metrics.Set) {
	m := &n.metrics
	m.messagesOut = set.NewCounter("weir_cluster_messages_sent_total")
	m.bytesOut = set.NewCounter("weir_cluster_sent_bytes_total")
	m.messagesIn = set.NewCounter("weir_cluster_messages_received_total")
	m.bytesIn = set.NewCounter("weir_cluster_received_bytes_total")
	m.nobody = set.NewCounter("weir_cluster_nobody_total")
	m.dropped = set.NewCounter(`weir_cluster_messages_dropped_total{reason="no_member"}`)
	m.roundTrips = set.NewCounter("weir_cluster_round_trips_total")
	m.roundTripTime = set.NewFloatCounter("weir_cluster_round_trip_seconds_total")
	m.lost = set.NewCounter("weir_cluster_nodes_lost_total")
	for reason, name := range sendNames {
		m.refused[reason] = set.NewCounter(fmt.Sprintf("weir_cluster_sends_refused_total{reason=%q}", name))
	}
	for _, word := range []string{"alive", "draining", "suspected", "dead", "left", "refused"} {
		set.NewGauge(fmt.Sprintf("weir_cluster_nodes{state=%q}", word), func() float64 { return n.count(word) })
	}
}

// count is how many nodes are in a state, this one included. One that drains is not counted as alive.
func (n *Node) count(word string) float64 {
	total := 0.0
	if own := n.ownState(); own == word {
		total++
	}
	for _, member := range n.Members() {
		if member.word() == word {
			total++
		}
	}
	return total
}

// ownState is the word of this node.
func (n *Node) ownState() string {
	switch {
	case n.Refused() != "":
		return Refused.String()
	case n.drain.Load():
		return "draining"
	}
	return Alive.String()
}

func (m *Member) word() string {
	if m.State == Alive && m.Draining {
		return "draining"
	}
	return m.State.String()
}

func (m *nodeMetrics) sent(bytes int, err error) {
	if err == nil {
		m.messagesOut.Inc()
		m.bytesOut.Add(bytes)
		return
	}
	for reason, of := range sendErrors {
		if errors.Is(err, of) {
			m.refused[reason].Inc()
			return
		}
	}
	m.refused[sendClosed].Inc()
}

func (m *nodeMetrics) received(bytes int) {
	m.messagesIn.Inc()
	m.bytesIn.Add(bytes)
}

func (m *nodeMetrics) roundTrip(took time.Duration) {
	m.roundTrips.Inc()
	m.roundTripTime.Add(took.Seconds())
}

func (m *nodeMetrics) changed(c Change) {
	if c.To == Dead && c.From != Dead {
		m.lost.Inc()
	}
}
