package harness

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"weir/loadtest/client"
	"weir/loadtest/observe"
	"weir/loadtest/wire"
)

func TestStepIsHeld(t *testing.T) {
	f := func(s Step, want string) {
		t.Helper()
		ok, why := s.Held()
		if why != want || ok != (want == "") {
			t.Errorf("%+v: %v, %q, want %q", s, ok, why, want)
		}
	}
	f(Step{offered: 1000, Answered: 990, P95: 149}, "")
	f(Step{offered: 1000, Answered: 979, P95: 149}, "answered 979 of 1,000/s")
	f(Step{offered: 1000, Answered: 1000, P95: 150}, "p95 150 ms")
	f(Step{offered: 1000, Answered: 1000, failed: 2, reasons: "queue_full: 2"}, "2 calls failed (queue_full: 2)")
	if got := (Step{Answered: 50_000}).MicrosPerCall(0.5); got != 10 {
		t.Errorf("half a core for 50,000 calls/s is %v us", got)
	}
	var before, after client.Counters
	before.Reasons, before.Failures = map[string]uint64{"queue_full": 1}, map[string]uint64{}
	after.Reasons, after.Failures, after.Refused = map[string]uint64{"queue_full": 4}, map[string]uint64{}, 4
	after.Ended[client.EndPeerReset] = 2
	if got := reasonsSince(&before, &after); got != "queue_full: 3, peer_reset: 2" || failures(&after) != 4 {
		t.Errorf("%q, %v failed", got, failures(&after))
	}
}

// An open load of a small server is measured as it was offered; a server that is gone is an error.
func TestOffer(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		_, rest, _ := strings.Cut(string(body), `"id":`)
		id, _, _ := strings.Cut(rest, ",")
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{}}`, id)
	}))
	defer s.Close()
	e := NewEnv(t.Context(), Setup{Loops: 1}, "", "")
	defer e.StopAll()
	f, err := e.Open(4, func(o *client.Options) {
		o.Address, o.Transport, o.Era = s.Listener.Addr().String(), wire.HTTP, wire.Modern
	})
	if err != nil {
		t.Fatal(err)
	}
	p := observe.Attach("this", os.Getpid())
	got, err := e.Offer(p, f, 200, 500*time.Millisecond)
	for tries := 0; err == nil && got.failed == 0 && got.Late > 50; tries++ { // it was not offered when it should have been
		if tries == 20 {
			t.Skip("the machine has no time for half a second of load")
		}
		got, err = e.Offer(p, f, 200, 500*time.Millisecond)
	}
	if err != nil || got.failed != 0 || got.Answered < 100 || got.Answered > 300 || got.P99 <= 0 || got.P50 > got.P99 {
		t.Errorf("%+v, %v", got, err)
	}
	e.CloseFleet(f)
	if f, err = e.Fleet(func(o *client.Options) { o.Address = "127.0.0.1:1" }); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Offer(p, f, 200, time.Second); err == nil {
		t.Error("no connection is open, and nobody says so")
	}
}

func TestScheduled(t *testing.T) {
	if d, err := Scheduled(os.Getpid()); err != nil || d <= 0 {
		t.Errorf("%v, %v", d, err)
	}
	if _, err := Scheduled(-1); err == nil {
		t.Error("there is no such process")
	}
}
