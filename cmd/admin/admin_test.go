package admin

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"go.uber.org/goleak"

	"weir/reactor/auth"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func testSource(refusal string) Source {
	set := metrics.NewSet()
	set.NewCounter("weir_test_total").Add(7)
	return Source{
		Metrics: set,
		Status:  func() any { return map[string]int{"connections": 3} },
		Refusal: func() string { return refusal },
		Admins:  func() *auth.Tokens { return nil },
		Alerts:  func() any { return []string{} },
		Live:    func(since int64) any { return map[string]int64{"since": since} },
		Connections: func(filter url.Values) (any, error) {
			if filter.Has("wrong") {
				return nil, errors.New("wrong")
			}
			return filter, nil
		},
		Kick: func(id, by string) error {
			if id == "none" {
				return errors.New("gone")
			}
			return nil
		},
		StatusOf: func(err error) (int, string) {
			return map[string]int{"wrong": 400, "gone": 404}[err.Error()], "the_reason"
		},
	}
}

// TestAdminAsksForAToken, on every page but those that a balancer asks.
func TestAdminAsksForAToken(t *testing.T) {
	token, line, err := auth.NewToken("ann", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	ended, past, err := auth.NewToken("bob", time.Unix(1, 0))
	if err != nil {
		t.Fatal(err)
	}
	tokens, mistakes := auth.ParseTokens([]byte(line + "\n" + past + "\n"))
	if mistakes != nil {
		t.Fatal(mistakes)
	}
	source := testSource("")
	source.Admins = func() *auth.Tokens { return tokens }
	f := func(path, field string, status int, want string) {
		t.Helper()
		r := httptest.NewRequest("GET", "http://10.0.0.7:9090"+path, nil)
		if field != "" {
			r.Header.Set("Authorization", field)
		}
		w := httptest.NewRecorder()
		handler(source, nil).ServeHTTP(w, r)
		if w.Code != status || !strings.Contains(w.Body.String(), want) ||
			(status == http.StatusUnauthorized) != (w.Header().Get("WWW-Authenticate") == "Bearer") {
			t.Errorf("%s with %.20q: got %d %v %s, want %d", path, field, w.Code, w.Header(), w.Body, status)
		}
	}
	f("/healthz", "", 200, "alive")
	f("/readyz", "", 200, "ready")
	for _, path := range []string{"/metrics", "/status", "/debug/pprof/", "/debug/pprof/goroutine?debug=1", "/",
		"//healthz", "/healthz/", "/none"} {
		f(path, "", 401, "token_missing")
		f(path, "Basic YW5uOng=", 401, "token_missing")
		f(path, "Bearer "+token+"x", 401, "token_unknown")
		f(path, "Bearer "+ended, 401, "token_expired")
	}
	f("/status", "Bearer "+token, 200, `"connections": 3`)
	f("/metrics", "bearer "+token, 200, "weir_test_total 7")
	f("/none", "Bearer "+token, 404, "")
}

func TestAdminPages(t *testing.T) {
	f := func(refusal, path string, status int, want string) {
		t.Helper()
		r := httptest.NewRequest("GET", "http://127.0.0.1:9090"+path, nil)
		w := httptest.NewRecorder()
		handler(testSource(refusal), nil).ServeHTTP(w, r)
		if w.Code != status || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: got %d %q, want %d and %q", path, w.Code, w.Body, status, want)
		}
	}
	f("", "/healthz", 200, `"alive"`)
	f("draining", "/healthz", 200, `"alive"`) // alive is not ready
	f("", "/readyz", 200, `"ready"`)
	f("draining", "/readyz", 404, `"reason": "draining"`)
	f("", "/status", 200, `"connections": 3`)
	f("", "/metrics", 200, "weir_test_total 7")
	f("", "/metrics", 200, "process_resident_memory_bytes")
	f("", "/metrics", 200, "go_goroutines")
	f("", "/debug/pprof/", 200, "goroutine")
	f("", "/debug/pprof/goroutine?debug=1", 200, "goroutine profile")
	f("", "/live", 200, `"since":0`)
	f("", "/live?since=7", 200, `"since":7`)
	f("", "/live?since=x", 400, `"bad_filter"`)
	f("", "/connections?transport=http;rows=1", 400, `"bad_filter"`)
	f("", "/connections?peer=a", 200, `"peer"`)
	f("", "/connections?wrong=a", 400, `"the_reason"`)
	for _, page := range []string{"/status", "/alerts", "/metrics", "/healthz", "/readyz", "/live", "/connections",
		"/debug/pprof/"} {
		f("", "/", 200, `"`+page+`"`)
	}
	f("", "/nothing", 404, "")
	f("", "/debug/vars", 404, "")
}

func TestAdminMethods(t *testing.T) {
	w := httptest.NewRecorder()
	handler(testSource(""), nil).ServeHTTP(w, httptest.NewRequest("POST", "http://localhost/metrics", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: got %d", w.Code)
	}
}

func TestAdminHost(t *testing.T) {
	f := func(host string, status int) {
		t.Helper()
		r := httptest.NewRequest("GET", "/healthz", nil)
		r.Host = host
		w := httptest.NewRecorder()
		handler(testSource(""), []string{"weir.internal"}).ServeHTTP(w, r)
		if w.Code != status {
			t.Errorf("Host %q: got %d, want %d", host, w.Code, status)
		}
	}
	f("localhost:9090", 200)
	f("LOCALHOST.", 200)
	f("127.0.0.1", 200)
	f("[::1]:9090", 200)
	f("10.0.0.7:9090", 200) // where the listener is bound is a rule of its own
	f("weir.internal:9090", 200)
	f("Weir.Internal", 200)
	f("evil.example:9090", 403)
	f("127.0.0.1.evil.example", 403)
	f("localhost.evil.example:9090", 403)
	f("", 403)
}

func TestAdminRefusesPagesOfOtherSites(t *testing.T) {
	r := httptest.NewRequest("GET", "http://localhost/debug/pprof/profile?seconds=30", nil)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	w := httptest.NewRecorder()
	handler(testSource(""), nil).ServeHTTP(w, r)
	if w.Code != http.StatusForbidden {
		t.Errorf("got %d", w.Code)
	}
}

func TestAdminListens(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := Serve(listener, testSource(""), nil)
	defer a.Stop()
	response, err := http.Get("http://" + listener.Addr().String() + "/status")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var status struct{ Connections int }
	if err := json.NewDecoder(response.Body).Decode(&status); err != nil || status.Connections != 3 {
		t.Errorf("got %+v, %v", status, err)
	}
}

func TestAdminHoldsItsConnectionLimit(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := newLimitListener(inner, 1)
	dial := func() net.Conn {
		t.Helper()
		conn, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	defer dial().Close()
	defer dial().Close()
	first, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	second := make(chan net.Conn)
	go func() {
		conn, _ := l.Accept()
		second <- conn
	}()
	select {
	case <-second:
		t.Fatal("a second connection was accepted above the limit of 1")
	default:
	}
	first.Close()
	first.Close() // gives back one slot, not two
	conn := <-second
	if conn == nil || len(l.slots) != 1 {
		t.Fatalf("after a close: connection %v, %d slots taken", conn, len(l.slots))
	}
	// A full listener still closes: nothing waits for a slot for ever.
	ended := make(chan error)
	go func() {
		_, err := l.Accept()
		ended <- err
	}()
	l.Close()
	if err := <-ended; err == nil {
		t.Error("Accept after Close gave no error")
	}
}

// TestAdminIsNeverFull: who holds a connection and says nothing does not keep a probe out.
func TestAdminIsNeverFull(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := newLimitListener(inner, 1)
	defer l.Close()
	for range 3 {
		conn, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	held, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		next := make(chan net.Conn)
		go func() {
			conn, _ := l.Accept()
			next <- conn
		}()
		if _, err := held.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Fatalf("the oldest reads on: %v", err)
		}
		held.Close() // who serves it has noticed
		if held = <-next; held == nil || len(l.slots) != 1 || len(l.open) != 1 {
			t.Fatalf("the next is %v, %d slots taken by %d", held, len(l.slots), len(l.open))
		}
	}
	held.Close()
}
