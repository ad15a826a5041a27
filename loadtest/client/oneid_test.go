package client

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weir/loadtest/internal/fixture"
	"weir/loadtest/wire"
)

// asker is what a server with one id does with a call: it returns the lines that it sends.
type asker func(number string) []string

// oneAnswer is the honest answer to a call.
func oneAnswer(number string) string {
	return `{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"` + number + `"}]}}`
}

const (
	onePong    = `{"jsonrpc":"2.0","id":1,"result":{}}`
	oneRefusal = `{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"full","data":{"reason":"queue_full"}}}`
)

// oneServer serves lines of clients that all use id 1. Calls of the tool slow are never answered.
func oneServer(t *testing.T, ask asker) string {
	return fixture.LineServer(t, "tcp", func(line string) string {
		var m struct {
			ID     json.Number
			Method string
			Params struct {
				Name      string
				Arguments struct{ Message string }
			}
		}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Errorf("%v: %s", err, line)
		}
		switch {
		case m.Method == "initialize":
			return fixture.Echo(line)
		case m.Method == "ping":
			return onePong + "\n"
		case m.Method != wire.MethodCall || m.Params.Name == "slow":
			return ""
		case m.ID != "1":
			t.Errorf("id %s: %s", m.ID, line)
		}
		if lines := ask(m.Params.Arguments.Message); len(lines) > 0 {
			return strings.Join(lines, "\n") + "\n"
		}
		return ""
	})
}

func oneFleet(t *testing.T, address string, change func(*Options)) *Fleet {
	return testFleet(t, func(o *Options) {
		o.Address, o.Arguments = address, `{"message":"0000000000"}`
		o.OneID = &OneID{Calls: 200, CancelEvery: 10, Slow: "slow", SlowArguments: "{}", CancelAfter: time.Millisecond}
		change(o)
	})
}

// playOne opens n connections and lets them make all their calls.
func playOne(t *testing.T, f *Fleet, n int) {
	t.Helper()
	ctx := fixture.Within(t)
	if err := f.Open(ctx, n); err != nil {
		t.Fatal(err)
	}
	f.Start()
	if err := f.Done(ctx); err != nil {
		t.Fatalf("%v: %+v", err, f.Counters())
	}
}

func TestOneIDAddsUp(t *testing.T) {
	address := oneServer(t, func(number string) []string { return []string{oneAnswer(number)} })
	f := oneFleet(t, address, func(o *Options) { o.Loops = 2 })
	playOne(t, f, 7)
	// The server answers what is cancelled in the same write too: it reads one line at a time.
	c := f.Counters()
	if c.Check() != nil || c.Sent != 200 || c.Cancelled != 20 || c.Results != 180 || c.Raced > 10 {
		t.Errorf("%v: %+v", c.Check(), c)
	}
}

// Over HTTP a call is taken back by closing its connection, and another one goes on.
func TestOneIDOverHTTP(t *testing.T) {
	var mu sync.Mutex
	left := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m struct {
			Params struct {
				Name      string
				Arguments struct{ Message string }
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			return // hung up
		}
		if got := r.Header.Get("Mcp-Name"); got != m.Params.Name {
			t.Errorf("Mcp-Name %q for %q", got, m.Params.Name)
		}
		if m.Params.Name == "slow" {
			<-r.Context().Done()
			mu.Lock()
			left++
			mu.Unlock()
			return
		}
		fmt.Fprint(w, oneAnswer(m.Params.Arguments.Message))
	}))
	defer s.Close()
	f := oneFleet(t, s.Listener.Addr().String(), func(o *Options) { o.Transport, o.Era = wire.HTTP, wire.Modern })
	playOne(t, f, 3)
	c := f.Counters()
	f.Close()
	s.Close() // waits for the handlers
	// A reset takes with it what the server has not read yet, so it may never have heard of some.
	if left == 0 || left > 10 {
		t.Errorf("%d slow calls were left by their clients, want 10 or a little less", left)
	}
	if c.Check() != nil || c.Cancelled != 20 || c.Results != 180 {
		t.Errorf("%v: %+v", c.Check(), c)
	}
}

// In a session a call is taken back by a notification behind it, and answered with 202 and nothing.
func TestOneIDInASession(t *testing.T) {
	var takenBack atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return // hung up
		}
		body := string(text)
		_, number, isCall := strings.Cut(body, `"name":"echo","arguments":{"message":"`)
		switch {
		case strings.Contains(body, `"initialize"`):
			w.Header().Set("Mcp-Session-Id", "s")
			io.WriteString(w, fixture.Echo(body))
			return
		case r.Header.Get("Mcp-Session-Id") != "s":
			t.Errorf("without its session: %s", body)
		case isCall:
			io.WriteString(w, oneAnswer(number[:wire.IDDigits]))
		case strings.Contains(body, `"ping"`):
			io.WriteString(w, onePong)
		default: // a notification, or a slow call, for which net/http would keep the notification waiting
			w.WriteHeader(http.StatusAccepted)
		}
		if strings.Contains(body, `"requestId":1`) {
			takenBack.Add(1)
		}
	}))
	defer s.Close()
	f := oneFleet(t, s.Listener.Addr().String(), func(o *Options) { o.Transport = wire.HTTP })
	playOne(t, f, 3)
	// This server answers every echo, cancelled or not, and a slow call with 202 before or after it is taken back.
	if err := f.await(fixture.Within(t), func(l *loop) bool { return l.stats.Raced == 10 }); err != nil {
		t.Errorf("%v: %+v", err, f.Counters())
	}
	c := f.Counters()
	if c.Check() != nil || c.Sent != 200 || c.Results != 180 || c.Errors != c.Reasons["http_202"] ||
		uint64(takenBack.Load()) > c.Cancelled {
		t.Errorf("%v, %d taken back: %+v", c.Check(), takenBack.Load(), c)
	}
	f.Close()
}

// What is wrong with a server's answers shows in the books.
func TestOneIDSeesWhatIsWrong(t *testing.T) {
	f := func(name string, cancelEvery int, ask asker, want func(*Counters) bool) {
		t.Helper()
		fleet := oneFleet(t, oneServer(t, ask), func(o *Options) { o.OneID.Calls, o.OneID.CancelEvery = 20, cancelEvery })
		ctx := fixture.Within(t)
		if err := fleet.Open(ctx, 1); err != nil {
			t.Fatal(err)
		}
		fleet.Start()
		if err := fleet.await(ctx, func(l *loop) bool { return want(&l.stats) }); err != nil {
			t.Errorf("%s: %+v", name, fleet.Counters())
		}
		fleet.Close()
	}
	f("honest", 0, func(n string) []string { return []string{oneAnswer(n)} },
		func(c *Counters) bool { return c.Results == 20 && c.Check() == nil })
	f("refused", 0, func(string) []string { return []string{oneRefusal} },
		func(c *Counters) bool { return c.Refused == 20 && c.Reasons["queue_full"] == 20 && c.Check() == nil })
	f("twice", 0, func(n string) []string { return []string{oneAnswer(n), oneAnswer(n)} },
		func(c *Counters) bool { return c.Results == 20 && c.Crossed == 20 && c.Check() != nil })
	f("refused and answered", 0, func(n string) []string { return []string{oneRefusal, oneAnswer(n)} },
		func(c *Counters) bool { return c.Refused == 20 && c.Crossed == 20 && c.Check() != nil })
	f("another's number", 0, func(string) []string { return []string{oneAnswer("1000000099")} },
		func(c *Counters) bool { return c.Crossed == 1 && c.InFlight == 1 && c.Check() != nil })
	f("no number", 0, func(string) []string { return []string{oneAnswer("slept")} },
		func(c *Counters) bool { return c.Crossed == 1 && c.InFlight == 1 && c.Check() != nil })
	f("another id", 0, func(n string) []string { return []string{strings.Replace(oneAnswer(n), `"id":1`, `"id":2`, 1)} },
		func(c *Counters) bool { return c.Bad == 1 && c.Lost == 1 && c.Check() != nil })
	f("answered and cancelled", 1, func(n string) []string { return []string{oneAnswer(n)} },
		func(c *Counters) bool {
			return c.Cancelled == 20 && c.Raced == 10 && c.Results == 0 && c.Check() == nil
		})
	f("refused and cancelled", 1, func(string) []string { return []string{oneRefusal} },
		func(c *Counters) bool {
			return c.Cancelled == 20 && c.Raced == 10 && c.Refused == 0 && c.Check() == nil
		})
}

// An answer that belongs to the call of another connection is seen for what it is.
func TestOneIDSeesCrossedAnswers(t *testing.T) {
	var mu sync.Mutex
	before := ""
	address := oneServer(t, func(number string) []string {
		mu.Lock()
		defer mu.Unlock()
		was := before
		before = number
		if was == "" {
			return nil // the other connection gets this one's answer
		}
		return []string{oneAnswer(was)}
	})
	f := oneFleet(t, address, func(o *Options) { o.OneID.CancelEvery = 0 })
	ctx := fixture.Within(t)
	if err := f.Open(ctx, 2); err != nil {
		t.Fatal(err)
	}
	f.Start()
	if err := f.await(ctx, func(l *loop) bool { return l.stats.Crossed > 0 }); err != nil {
		t.Fatalf("%v: %+v", err, f.Counters())
	}
	if c := f.Counters(); c.Check() == nil || c.Results > 0 {
		t.Errorf("%+v", c)
	}
}

func TestOneIDOptions(t *testing.T) {
	f := func(name string, change func(*Options)) {
		t.Helper()
		o := DefaultOptions()
		o.Address, o.Arguments, o.OneID = "127.0.0.1:1", `{"message":"0000000000"}`, &OneID{Calls: 1}
		if err := o.Validate(); err != nil {
			t.Fatal(err)
		}
		change(&o)
		if err := o.Validate(); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	f("no calls", func(o *Options) { o.OneID.Calls = 0 })
	f("no number", func(o *Options) { o.Arguments = `{"message":"x"}` })
	f("the modern era on lines", func(o *Options) { o.Era = wire.Modern })
}
