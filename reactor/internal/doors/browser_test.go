package doors

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"weir/cmd/needs"
	"weir/reactor/internal/wire"
)

// allSteps are those of testdata/page.html.
var allSteps = []string{"modern", "again", "mismatch", "progress", "legacy", "aborted", "refusedForRoom", "noToken",
	"token", "metadata", "credentials", "socket", "socketWithToken", "socketWithoutToken", "eventSource"}

// refusedSteps are tried by the page that nobody let in: one for each way to reach a server.
var refusedSteps = []string{"modern", "legacy", "metadata", "credentials", "socket", "eventSource"}

// site serves the page to the browser, under one origin after the other, and takes its reports.
type site struct {
	*httptest.Server
	port    string
	mu      sync.Mutex          // what the test and the pages share
	values  map[string]any      // of the page
	origins []string            // still to come
	reports chan map[string]any // what the pages saw
	stuck   *server             // whose calls of "stuck" the page asks about
}

// origin is the site under one of its names.
func (s *site) origin(host string) string { return "http://" + host + ":" + s.port }

func (s *site) next() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.origins) == 0 {
		return "about:blank"
	}
	next := s.origins[0]
	s.origins = s.origins[1:]
	return next
}

func startSite(t *testing.T, origins ...string) *site {
	t.Helper()
	page, err := template.ParseFiles("testdata/page.html")
	must(t, err)
	s := &site{reports: make(chan map[string]any, len(origins))}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(out http.ResponseWriter, r *http.Request) {
		out.Header().Set("Content-Type", "text/html; charset=utf-8")
		host, _, _ := strings.Cut(r.Host, ":")
		s.mu.Lock()
		values := maps.Clone(s.values)
		s.mu.Unlock()
		values["steps"] = allSteps
		if host == "evil.test" {
			values["steps"] = refusedSteps
		}
		if err := page.Execute(out, values); err != nil {
			t.Error(err)
		}
	})
	waits := func(c func(*server) <-chan struct{}) http.HandlerFunc {
		return func(out http.ResponseWriter, r *http.Request) {
			s.mu.Lock()
			stuck := s.stuck
			s.mu.Unlock()
			select {
			case <-c(stuck):
			case <-time.After(patience):
				out.WriteHeader(http.StatusGatewayTimeout)
			}
		}
	}
	mux.HandleFunc("GET /begun", waits(func(w *server) <-chan struct{} { return w.begun }))
	mux.HandleFunc("GET /cancelled", waits(func(w *server) <-chan struct{} { return w.cancelled }))
	mux.HandleFunc("POST /report", func(out http.ResponseWriter, r *http.Request) {
		var seen map[string]any
		if err := json.NewDecoder(r.Body).Decode(&seen); err != nil {
			t.Error(err)
		}
		_, _ = io.WriteString(out, s.next())
		s.reports <- seen
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	_, s.port, err = net.SplitHostPort(s.Listener.Addr().String())
	must(t, err)
	for _, host := range origins {
		s.origins = append(s.origins, s.origin(host))
	}
	return s
}

// report is what the next page saw.
func (s *site) report(t *testing.T) map[string]any {
	t.Helper()
	select {
	case seen := <-s.reports:
		return seen
	case <-time.After(2 * patience):
		t.Fatal("the page does not report")
		return nil
	}
}

// startChromium opens a page in a browser that finds every *.test on this machine.
func startChromium(t *testing.T, page string) {
	t.Helper()
	home := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	browser := exec.CommandContext(ctx, "chromium", "--headless", "--no-sandbox", "--disable-gpu",
		"--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking", "--disable-component-update",
		"--disable-sync", "--disable-extensions", "--remote-debugging-port=0",
		"--user-data-dir="+filepath.Join(home, "profile"), "--host-resolver-rules=MAP *.test 127.0.0.1", page)
	browser.Env = append(os.Environ(), "HOME="+home)
	browser.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	browser.Cancel = func() error { return syscall.Kill(-browser.Process.Pid, syscall.SIGKILL) }
	browser.WaitDelay = patience
	var log bytes.Buffer
	browser.Stdout, browser.Stderr = &log, &log
	must(t, browser.Start())
	t.Cleanup(func() {
		cancel()
		_ = browser.Wait()
		if t.Failed() {
			t.Logf("chromium said:\n%s", &log)
		}
	})
}

// relay passes bytes on to a server and counts the preflights among them.
type relay struct {
	net.Listener
	preflights atomic.Int64
}

func startRelay(t *testing.T, to string) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	r := &relay{Listener: listener}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", to)
			if err != nil {
				from.Close()
				continue
			}
			go pass(from, server, func(b []byte) { r.preflights.Add(int64(bytes.Count(b, []byte("OPTIONS /mcp ")))) })
			go pass(server, from, func([]byte) {})
		}
	}()
	return r
}

// pass passes on what one side says, and its end.
func pass(from, to net.Conn, look func([]byte)) {
	defer from.Close()
	defer to.Close()
	for b := make([]byte, 64<<10); ; {
		n, err := from.Read(b)
		look(b[:n])
		if _, failed := to.Write(b[:n]); err != nil || failed != nil {
			return
		}
	}
}

const maxWaiting = 5 // of a server that is filled

// filled has a server that fill can fill.
func filled(k *knobs) {
	k.Queue.MaxExecutingPerConnection, k.Queue.MaxWaiting, k.Queue.RefuseAbove = 1, maxWaiting, 1
	k.Queue.QueueTimeout = 0
}

// fill brings a server to its limit: what comes next is refused.
func fill(t *testing.T, s *server) {
	t.Helper()
	hog, err := net.Dial("tcp", s.Addrs()["tcp"])
	must(t, err)
	t.Cleanup(func() { hog.Close() })
	must(t, hog.SetReadDeadline(time.Now().Add(patience)))
	say := func(line string) { _, err := io.WriteString(hog, line+"\n"); must(t, err) }
	say(wire.Hello)
	say(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	stuck := func(id int) { say(strings.TrimSpace(wire.ToolCall(fmt.Sprint(id), "stuck", "{}"))) }
	stuck(0)
	await(t, "a call of the hog's", s.begun)
	for id := range maxWaiting {
		stuck(1 + id)
	}
	say(`{"jsonrpc":"2.0","id":"all are in","method":"ping"}`) // it is answered when what came before is in the queue
	for answers := bufio.NewReader(hog); ; {
		line, err := answers.ReadString('\n')
		must(t, err)
		if strings.Contains(line, `"all are in"`) {
			break
		}
	}
	if n := s.Status().WaitingMessages; n < maxWaiting {
		t.Fatalf("%d messages wait in a full queue", n)
	}
}

// TestBrowser: what a web client does, in both eras, from a page that is listed, from one on another loopback port, and
// from one that nobody let in.
func TestBrowser(t *testing.T) {
	needs.Programs(t, "no web client was tried", "chromium")
	t.Parallel()
	s := startSite(t, "app.test", "127.0.0.1", "evil.test")
	listed := func(k *knobs) { k.HTTPSSEPath, k.AllowedOrigins = "/sse", []string{s.origin("app.test")} }
	open := start(t, listed)
	full := start(t, func(k *knobs) { listed(k); filled(k) })
	fill(t, full)
	guarded := start(t, func(k *knobs) {
		listed(k)
		k.tokens, k.Auth.TokensFile = "alice", "tokens"
		k.Auth.Resource, k.Auth.AuthorizationServers = "http://mcp.test/mcp", []string{"http://issuer.test"}
	})
	counted := startRelay(t, open.http())
	door := counted.Addr().String()
	s.mu.Lock()
	s.stuck = open
	s.values = map[string]any{
		"mcp": "http://" + door + "/mcp", "ws": "ws://" + door + "/mcp", "sse": "http://" + door + "/sse",
		"full": "http://" + full.http() + "/mcp", "guarded": "http://" + guarded.http() + "/mcp",
		"guardedWS": "ws://" + guarded.http() + "/mcp", "token": tokenOf("alice"),
	}
	s.mu.Unlock()
	startChromium(t, s.next())
	judgePage(t, "app.test", s.report(t), &counted.preflights, true)
	counted.preflights.Store(0)
	judgePage(t, "127.0.0.1", s.report(t), &counted.preflights, false)
	seen := s.report(t)
	for _, step := range refusedSteps {
		if got := textOf(seen[step]); !strings.Contains(got, "failed") && !strings.Contains(got, `"code":1006`) {
			t.Errorf("a page that nobody let in, %s: %s", step, got)
		}
	}
	got := open.log.String()
	if want := fmt.Sprintf(`"origin":%q,"key":"allowed_origins"`, s.origin("evil.test")); strings.Count(got, want) != 1 ||
		strings.Count(got, "\n") != 1 {
		t.Errorf("want one line with %s:\n%s", want, got)
	}
}

func textOf(seen any) string {
	b, err := json.Marshal(seen)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// judgePage judges what a page saw that may call.
func judgePage(t *testing.T, host string, seen map[string]any, preflights *atomic.Int64, credentials bool) {
	t.Helper()
	f := func(step string, parts ...string) {
		t.Helper()
		got := textOf(seen[step])
		for _, part := range parts {
			if !strings.Contains(got, part) {
				t.Errorf("%s, %s: no %s in %s", host, step, part, got)
			}
		}
	}
	f("modern", `"status":200`, `"text":"region eu"`, `"resultType":"complete"`)
	f("again", `"status":200`, `"text":"region us"`)
	f("mismatch", `"status":400`, `-32020`)
	f("progress", `[1,2,3,{`, `"text":"told 3"`)
	f("legacy", `"status":200`, `"protocolVersion":"2025-11-25"`, `"initialized":202`, `"stream":200`, `"text":"changed"`,
		`"told":{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`, `"deleted":204`, `"gone":404`)
	f("aborted", `"answer":"AbortError"`, `"cancelled":200`)
	f("refusedForRoom", `"status":503`, `"reason":"queue_full"`, `"retryAfter":"`, `"executed":false`)
	f("noToken", `"status":401`, `"challenge":"Bearer realm=\"weir\", resource_metadata=`, `"reason":"token_missing"`)
	f("token", `"status":200`, `"text":"x"`)
	f("metadata", `"status":200`, `"resource":"http://mcp.test/mcp"`)
	if credentials {
		f("credentials", `"status":200`, `"text":"x"`)
	} else {
		f("credentials", `"failed":"TypeError: Failed to fetch"`)
	}
	f("socket", `"text":"over a socket"`, `"code":1000`, `"protocol":"mcp"`, `"clean":true`)
	f("socketWithToken", `"result":{}`, `"code":1000`, `"protocol":"mcp"`)
	f("socketWithoutToken", `"got":[]`, `"code":1006`)
	f("eventSource", `"protocolVersion":"2025-11-25"`)
	// One with credentials, one without: for two hours the browser knows what this page may send.
	if n := preflights.Load(); n > 2 {
		t.Errorf("%s: %d preflights, want 2", host, n)
	}
}
