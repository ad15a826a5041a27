package engine_test

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"weir/registry"
	. "weir/registry/engine"
	"weir/registry/protocol"
)

func TestSessionsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, func(o *registry.Options) { o.SessionIdleTimeout, o.MaxSessionAge = time.Minute, time.Hour })
		p := &peer{r: r, transport: HTTP}
		ping := func(id string) int {
			return p.send(`{"jsonrpc":"2.0","id":1,"method":"ping"}`, Header{SessionID: []byte(id)}).status
		}
		quiet, lively := p.initialize(t, "2025-11-25"), p.initialize(t, "2025-06-18")
		if quiet == lively || len(quiet) != 26 || r.Sessions() != 2 {
			t.Fatal("sessions", quiet, lively, r.Sessions())
		}
		elapse(59 * time.Second)
		if n := r.ExpireSessions(time.Now()); n != 0 || ping(lively) != 200 {
			t.Fatal("expired early", n)
		}
		elapse(time.Second)
		if n := r.ExpireSessions(time.Now()); n != 1 || ping(quiet) != 404 || ping(lively) != 200 {
			t.Fatal("idle session:", n, ping(quiet), ping(lively))
		}
		for range 59 {
			elapse(time.Minute - time.Second)
			if ping(lively) != 200 {
				t.Fatal("a busy session ended")
			}
			r.ExpireSessions(time.Now())
		}
		elapse(time.Minute)
		if n := r.ExpireSessions(time.Now()); n != 1 || r.Sessions() != 0 {
			t.Fatal("old session:", n, r.Sessions())
		}
		text := scrape(r)
		for _, line := range []string{`weir_sessions_ended_total{reason="session_idle_timeout"} 1`,
			`weir_sessions_ended_total{reason="session_expired"} 1`} {
			if !strings.Contains(text, line) {
				t.Error("missing", line)
			}
		}
	})
}

// A call in flight keeps its session; ending the session cancels the call.
func TestSessionWithCallInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, func(o *registry.Options) { o.SessionIdleTimeout = time.Minute })
		p := &peer{r: r, transport: HTTP}
		id := []byte(p.initialize(t, "2025-11-25"))
		x := exchangeOf(t, callOf("sleep", `{"ms":600000}`))
		x.Transport, x.Header, x.Conv = HTTP, &Header{SessionID: id}, nil
		if r.Route(x) != Blocking || x.Conv == nil {
			t.Fatal("not routed")
		}
		if e := r.Begin(x); e != nil {
			t.Fatal(e)
		}
		var done sync.WaitGroup
		done.Go(func() {
			r.Dispatch(x, nil)
			r.End(x)
		})
		elapse(2 * time.Minute)
		if n := r.ExpireSessions(time.Now()); n != 0 {
			t.Error("expired under a call")
		}
		if outcome := r.EndSession(nil, id, ""); outcome != Ended {
			t.Error("outcome", outcome)
		}
		done.Wait()
		if !x.Cancelled() {
			t.Error("the call was not cancelled")
		}
	})
}

func TestSessionLimit(t *testing.T) {
	r := newFixture(t, func(o *registry.Options) { o.MaxSessions = 2 })
	p := &peer{r: r, transport: HTTP}
	first := p.initialize(t, "2025-11-25")
	p.initialize(t, "2025-11-25")
	a := p.send(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}`, Header{})
	if a.status != 503 || a.session != "" || !strings.Contains(a.body, `"reason":"session_limit"`) {
		t.Errorf("third session: %+v", a)
	}
	r.EndSession(nil, []byte(first), "")
	p.initialize(t, "2025-11-25")
	if r.Sessions() != 2 {
		t.Error("sessions:", r.Sessions())
	}
}

// TestSessionBytes holds the promise of Options.MaxSessions.
func TestSessionBytes(t *testing.T) {
	if testing.Short() {
		t.Skip("opens 50,000 sessions")
	}
	if bytes := sessionBytes(t, 50_000); bytes > 400 {
		t.Errorf("%.0f bytes per session, at most 400", bytes)
	}
}

// A worker that is the first to need the subscriber of a conversation does not read what the loop is telling its
// client.
func TestSubscriberBeginsUnderAChange(t *testing.T) {
	r := newFixture(t)
	p := &peer{r: r}
	p.initialize(t, "2025-11-25")
	r.ListChanged(protocol.ListTools)
	var done sync.WaitGroup
	done.Go(func() { p.conv.SubscriberOf(r.Events()) })
	if told := r.AppendOwed(nil, &p.conv, r.Offer().Main().View); len(told) == 0 {
		t.Error("the change is not told")
	}
	done.Wait()
}
