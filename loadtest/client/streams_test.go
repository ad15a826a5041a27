package client

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"weir/loadtest/internal/fixture"
	"weir/loadtest/wire"
)

// streamServer opens an event stream, with one event, for what says that it opens one, after what asks says must have
// been asked before. say sends an event on each open stream.
type streamServer struct {
	*httptest.Server
	mu    sync.Mutex
	heads []http.Header // of the requests that opened a stream
	asked []string      // bodies, oldest first
	wake  []chan struct{}
	over  chan struct{}
}

func newStreamServer(t *testing.T, opens func(r *http.Request, body string) bool) *streamServer {
	s := &streamServer{over: make(chan struct{})}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return // hung up
		}
		body := string(text)
		s.mu.Lock()
		s.asked = append(s.asked, r.Method+" "+body)
		s.mu.Unlock()
		if !opens(r, body) {
			w.Header().Set("Mcp-Session-Id", "s")
			if answer := fixture.Echo(body); answer != "" {
				io.WriteString(w, answer)
			} else if r.Method == http.MethodPost {
				w.WriteHeader(http.StatusAccepted)
			}
			return
		}
		wake := make(chan struct{}, 8)
		s.mu.Lock()
		s.heads, s.wake = append(s.heads, r.Header.Clone()), append(s.wake, wake)
		s.mu.Unlock()
		w.Header().Set("Content-Type", "text/event-stream")
		for {
			io.WriteString(w, "event: message\ndata: {}\n\n")
			w.(http.Flusher).Flush()
			select {
			case <-wake:
			case <-s.over:
				return
			case <-r.Context().Done():
				return
			}
		}
	}))
	t.Cleanup(func() { close(s.over); s.Close() })
	return s
}

func (s *streamServer) say(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, wake := range s.wake[:n] {
		wake <- struct{}{}
	}
}

// In the modern era a stream is a listen, and a round of hearing lasts until every stream has heard something.
func TestFleetListens(t *testing.T) {
	s := newStreamServer(t, func(_ *http.Request, body string) bool {
		return strings.Contains(body,
			`"subscriptions/listen"`)
	})
	f := testFleet(t, func(o *Options) {
		o.Address, o.Transport, o.Era, o.Stream, o.Watch = s.Listener.Addr().String(), wire.HTTP, wire.Modern, true,
			"test://w"
	})
	ctx := fixture.Within(t)
	if err := f.Open(ctx, 3); err != nil {
		t.Fatal(err)
	}
	if err := f.Heard(ctx); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	for _, h := range s.heads {
		if h.Get("Mcp-Method") != "subscriptions/listen" || h.Get("MCP-Protocol-Version") != wire.ModernRevision ||
			h.Get("Mcp-Name") != "" {
			t.Errorf("%v", h)
		}
	}
	if !strings.Contains(s.asked[0], `"resourceSubscriptions":["test://w"]`) || !strings.Contains(s.asked[0],
		`"toolsListChanged":true`) {
		t.Errorf("listens for %s", s.asked[0])
	}
	s.mu.Unlock()
	f.Expect()
	s.say(2)
	if err := f.await(ctx, func(l *loop) bool { return l.stats.Events == 5 }); err != nil {
		t.Fatal(err)
	}
	if c := f.Counters(); c.Heard != 2 || c.Open != 3 || c.Hearing.TotalCount() != 2 {
		t.Errorf("after two of three: %+v", c)
	}
	s.say(3)
	if err := f.Heard(ctx); err != nil {
		t.Fatal(err)
	}
	if c := f.Counters(); c.Heard != 3 || c.Hearing.TotalCount() != 3 || c.Check() != nil {
		t.Errorf("%v: %+v", c.Check(), c)
	}
}

// A session that watches a resource subscribes to it before it opens its stream.
func TestFleetSubscribes(t *testing.T) {
	s := newStreamServer(t, func(r *http.Request, _ string) bool { return r.Method == http.MethodGet })
	f := testFleet(t, func(o *Options) {
		o.Address, o.Transport, o.Stream, o.Watch = s.Listener.Addr().String(), wire.HTTP, true, "test://w"
	})
	ctx := fixture.Within(t)
	if err := f.Open(ctx, 1); err != nil {
		t.Fatal(err)
	}
	if err := f.Heard(ctx); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, want := range []string{`"initialize"`, `"notifications/initialized"`,
		`"resources/subscribe","params":{"uri":"test://w"}`, "GET "} {
		if i >= len(s.asked) || !strings.Contains(s.asked[i], want) {
			t.Fatalf("asked %q, want %s as number %d", s.asked, want, i)
		}
	}
	if s.heads[0].Get("Mcp-Session-Id") != "s" {
		t.Errorf("%v", s.heads[0])
	}
}

// Sessions are ended and begun again on one connection, and each round is a call in the books.
func TestFleetRenews(t *testing.T) {
	var mu sync.Mutex
	begun, ended := 0, 0
	s := newStreamServer(t, func(r *http.Request, body string) bool {
		mu.Lock()
		defer mu.Unlock()
		if r.Method == http.MethodDelete {
			ended++
		} else if strings.Contains(body, `"initialize"`) {
			begun++
		}
		return false
	})
	f := testFleet(t, func(o *Options) { o.Address, o.Transport, o.Renew = s.Listener.Addr().String(), wire.HTTP, true })
	ctx := fixture.Within(t)
	if err := f.Open(ctx, 2); err != nil {
		t.Fatal(err)
	}
	f.Start()
	if err := f.await(ctx, func(l *loop) bool { return l.stats.Results >= 20 }); err != nil {
		t.Fatal(err)
	}
	if err := f.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	c := f.Counters()
	mu.Lock()
	defer mu.Unlock()
	if c.Check() != nil || c.Open != 2 || c.Opened != 2 || uint64(ended) != c.Results || begun != ended+2 ||
		c.Latency.TotalCount() != int64(c.Results) {
		t.Errorf("%v: %d begun, %d ended: %+v", c.Check(), begun, ended, c)
	}
}

func TestStreamsAndSessionsAreOfHTTP(t *testing.T) {
	for _, change := range []func(*Options){func(o *Options) { o.Stream = true }, func(o *Options) { o.Renew = true }} {
		o := DefaultOptions()
		o.Address = "127.0.0.1:1"
		change(&o)
		if err := o.Validate(); err == nil {
			t.Errorf("taken over lines: %+v", o)
		}
	}
}
