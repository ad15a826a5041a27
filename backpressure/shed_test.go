package backpressure

import (
	"net/netip"
	"testing"
)

// TestStopLowestClass: of class Blocking one message in 16 goes through the emergency stop, of the other class all do.
func TestStopLowestClass(t *testing.T) {
	q, _ := newQueue(t, testOptions())
	s := q.Shedding()
	through := func() (compute, blocking int) {
		for range 160 {
			if s.Refuses(Compute) == Accepted {
				compute++
			}
			switch s.Refuses(Blocking) {
			case Accepted:
				blocking++
			case EmergencyStop:
			default:
				t.Fatal("another refusal")
			}
		}
		return compute, blocking
	}
	f := func(on bool, wantBlocking int) {
		t.Helper()
		s.StopLowestClass(on)
		if compute, blocking := through(); compute != 160 || s.Any() != on ||
			blocking < wantBlocking-1 || blocking > wantBlocking+1 {
			t.Errorf("%v: %d and %d of 160 go through", on, compute, blocking)
		}
	}
	f(false, 160)
	f(true, 10)
	f(true, 10)
	f(false, 160)
}

// TestStopIsEvenHanded: of clients who call in turns each has its part of what goes through the emergency stop.
func TestStopIsEvenHanded(t *testing.T) {
	for _, clients := range []int{2, 3, 5, 8, 16, 64} {
		q, _ := newQueue(t, testOptions())
		s := q.Shedding()
		s.StopLowestClass(true)
		through := make([]int, clients)
		for n := range 1600 * clients {
			if s.Refuses(Blocking) == Accepted {
				through[n%clients]++
			}
		}
		for client, n := range through {
			if n < 90 || n > 110 {
				t.Errorf("%d clients: %d of 1,600 calls of client %d go through, want 100", clients, n, client)
			}
		}
	}
}

// TestRefuseForProcess: calls of both classes, then newcomers too, are refused for the sake of the process, and taken
// again; the emergency stop beside it holds on.
func TestRefuseForProcess(t *testing.T) {
	l, q, _ := newLimits(t, testOptions(), nil)
	s := q.Shedding()
	s.StopLowestClass(true)
	f := func(calls, newcomers bool, call, newcomer Refusal) {
		t.Helper()
		s.RefuseCalls(calls)
		s.RefuseConnections(newcomers)
		if s.Refuses(Compute) != call || l.Refusing() != newcomer || l.Open(netip.Addr{}) != newcomer {
			t.Errorf("%v %v: %v, %v", calls, newcomers, s.Refuses(Compute), l.Refusing())
		}
		if newcomer == Accepted {
			l.Close(netip.Addr{})
		}
	}
	f(false, false, Accepted, Accepted)
	f(true, false, ProcessPressure, Accepted)
	f(true, true, ProcessPressure, ProcessPressure)
	f(false, false, Accepted, Accepted)
	if !s.Any() || s.Refuses(Blocking) != EmergencyStop {
		t.Error("the emergency stop is over")
	}
}
