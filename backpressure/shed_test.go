package backpressure

import "testing"

// TestStopLowestClass: of class Blocking one message in 16 goes through the emergency stop, of the other class all do.
func TestStopLowestClass(t *testing.T) {
	q, _ := newQueue(t, testOptions())
	through := func() (compute, blocking int) {
		for range 160 {
			if q.Sheds(Compute) == Accepted {
				compute++
			}
			switch q.Sheds(Blocking) {
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
		q.StopLowestClass(on)
		if compute, blocking := through(); compute != 160 || blocking != wantBlocking || q.Shedding() != on {
			t.Errorf("%v: %d and %d of 160 go through", on, compute, blocking)
		}
	}
	f(false, 160)
	f(true, 10)
	f(true, 10)
	f(false, 160)
}
