package main

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
	f := func(s step, want string) {
		t.Helper()
		ok, why := s.held()
		if why != want || ok != (want == "") {
			t.Errorf("%+v: %v, %q, want %q", s, ok, why, want)
		}
	}
	f(step{offered: 1000, answered: 990, p95: 149}, "")
	f(step{offered: 1000, answered: 979, p95: 149}, "answered 979 of 1,000/s")
	f(step{offered: 1000, answered: 1000, p95: 150}, "p95 150 ms")
	f(step{offered: 1000, answered: 1000, failed: 2, reasons: "queue_full: 2"}, "2 calls failed (queue_full: 2)")
	if got := (step{answered: 50_000}).microsPerCall(0.5); got != 10 {
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
	e := newEnv(t.Context(), setup{loops: 1}, "", "")
	defer e.stopAll()
	f, err := e.open(4, func(o *client.Options) {
		o.Address, o.Transport, o.Era = s.Listener.Addr().String(), wire.HTTP, wire.Modern
	})
	if err != nil {
		t.Fatal(err)
	}
	p := observe.Attach("this", os.Getpid())
	got, err := e.offer(p, f, 200, 500*time.Millisecond)
	if err != nil || got.failed != 0 || got.answered < 100 || got.answered > 300 || got.p99 <= 0 || got.p50 > got.p99 {
		t.Errorf("%+v, %v", got, err)
	}
	e.closeFleet(f)
	if f, err = e.fleet(func(o *client.Options) { o.Address = "127.0.0.1:1" }); err != nil {
		t.Fatal(err)
	}
	if _, err := e.offer(p, f, 200, time.Second); err == nil {
		t.Error("no connection is open, and nobody says so")
	}
}

func TestScheduled(t *testing.T) {
	if d, err := scheduled(os.Getpid()); err != nil || d <= 0 {
		t.Errorf("%v, %v", d, err)
	}
	if _, err := scheduled(-1); err == nil {
		t.Error("there is no such process")
	}
}
