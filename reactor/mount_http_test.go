package reactor

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weir/reactor/mount"
)

// Mounts whose server is spoken to over HTTP, and is odd.

// httpMount is a server over HTTP that is as it should be, but for what a test makes of it.
type httpMount struct {
	*httptest.Server
	t  *testing.T
	at atomic.Int64 // sessions that were begun

	mu      sync.Mutex
	live    string // the session
	posts   []string
	headers http.Header // of the last call

	// call answers tools/call, first what comes before all; nil or false: as it should be.
	call  func(w http.ResponseWriter, r *http.Request, m said)
	first func(w http.ResponseWriter, r *http.Request, m said) bool
}

func newHTTPMount(t *testing.T) *httpMount {
	h := &httpMount{t: t}
	h.Server = httptest.NewUnstartedServer(h)
	h.Config.ErrorLog = nil
	h.Start()
	t.Cleanup(func() { h.CloseClientConnections(); h.Close() })
	return h
}

// methods are what was posted.
func (h *httpMount) methods() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.posts, " ")
}

func (h *httpMount) forget() {
	h.mu.Lock()
	h.live = "none"
	h.mu.Unlock()
}

// ServeHTTP implements http.Handler.
func (h *httpMount) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var m said
	body, _ := io.ReadAll(r.Body)
	if r.Method == http.MethodPost {
		if err := json.Unmarshal(body, &m); err != nil {
			h.t.Errorf("%s: %v", body, err)
		}
	} else {
		m.Method = r.Method
	}
	h.mu.Lock()
	h.posts = append(h.posts, m.Method)
	live := h.live
	if m.Method == "tools/call" {
		h.headers = r.Header.Clone()
	}
	h.mu.Unlock()
	switch {
	case h.first != nil && h.first(w, r, m):
	case m.Method == "initialize":
		id := fmt.Sprintf("s%d", h.at.Add(1))
		h.mu.Lock()
		h.live = id
		h.mu.Unlock()
		w.Header().Set("Mcp-Session-Id", id)
		sayJSON(w, m, `{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"h","version":"1"}}`)
	case r.Header.Get("Mcp-Session-Id") != live:
		http.Error(w, "who?", http.StatusNotFound)
	case r.Method != http.MethodPost:
		http.Error(w, "no", http.StatusMethodNotAllowed)
	case len(m.ID) == 0 || m.Method == "":
		w.WriteHeader(http.StatusAccepted)
	case m.Method == "tools/list":
		sayJSON(w, m, `{"tools":[`+toolA+`]}`)
	case h.call != nil:
		h.call(w, r, m)
	default:
		sayJSON(w, m, goodResult)
	}
}

const goodResult = `{"content":[ {"type":"text","text":"\u00e4"}],"structuredContent":{"n":1.00e2}}`

func sayJSON(w http.ResponseWriter, m said, result string) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, result)
}

// sayEvents writes a stream whose text may have %s for the answer.
func sayEvents(w http.ResponseWriter, m said, stream string) {
	w.Header().Set("Content-Type", "text/event-stream")
	answer := fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, goodResult)
	io.WriteString(w, strings.ReplaceAll(stream, "%s", answer))
}

// mountOver starts a server with it.
func mountOver(t *testing.T, h *httpMount, change func(*mount.Options)) *server {
	one := mount.DefaultOptions()
	one.URL = h.URL + "/mcp"
	if change != nil {
		change(&one)
	}
	return startConfig(t, func(c *Config) { c.Mounts = map[string]*mount.Options{"m": &one} })
}

const goodAnswer = `{"jsonrpc":"2.0","id":1,"result":` + goodResult + `}`

// TestMountHTTPOddities: each row is a server that is odd, and what the client of a call hears.
func TestMountHTTPOddities(t *testing.T) {
	status := func(code int, header ...string) func(http.ResponseWriter, *http.Request, said) {
		return func(w http.ResponseWriter, _ *http.Request, _ said) {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(code)
		}
	}
	events := func(stream string) func(http.ResponseWriter, *http.Request, said) {
		return func(w http.ResponseWriter, _ *http.Request, m said) { sayEvents(w, m, stream) }
	}
	for name, row := range map[string]struct {
		call func(http.ResponseWriter, *http.Request, said)
		want string
	}{
		"as it should be":        {nil, goodAnswer},
		"events with CRLF":       {events("event: message\r\ndata: %s\r\n\r\n"), goodAnswer},
		"many data lines":        {events("data: {\ndata: \"jsonrpc\":\"2.0\",\ndata: \"method\":\"x\"}\n\ndata: %s\n\n"), goodAnswer},
		"keep-alive comments":    {events(": ping\n\n: ping\n\ndata: %s\n\n: ping\n\n"), goodAnswer},
		"keep-alive events":      {events("event: ping\ndata: now\n\nid: 1\ndata:\n\nid: 2\ndata: %s\n\n"), goodAnswer},
		"a stream without end":   {events("data: %s\n"), goodAnswer},
		"a redirect":             {status(307, "Location", "/other"), `"reason":"mount_refused"`},
		"too many requests":      {status(429, "Retry-After", "7"), `"reason":"mount_busy","mount":"m","retryAfterMs":7000,"executed":false`},
		"unavailable for a time": {status(503, "Retry-After", "2"), `"reason":"mount_busy","mount":"m","retryAfterMs":2000,"executed":false`},
		"a failure":              {status(502), `"reason":"mount_status","mount":"m","executed":true`},
		"not let in":             {status(401), `"reason":"mount_refused"`},
		"accepted, no answer":    {status(202), `"reason":"mount_answer"`},
		"no MCP": {func(w http.ResponseWriter, _ *http.Request, _ said) { io.WriteString(w, "<html>") },
			`"reason":"mount_answer"`},
		"another's answer": {func(w http.ResponseWriter, _ *http.Request, m said) {
			m.ID = json.RawMessage("77")
			sayJSON(w, m, goodResult)
		}, `"reason":"mount_answer"`},
		"too long a body":  {events("data: " + strings.Repeat("x", 5000) + "\n\n"), `"reason":"mount_answer"`},
		"a stream cut off": {events("data: {\"jsonrpc\""), `"reason":"mount_lost","mount":"m","executed":true`},
		"an error with a status": {func(w http.ResponseWriter, _ *http.Request, _ said) {
			w.WriteHeader(400)
			io.WriteString(w, `{"jsonrpc":"2.0","id":null,"error":{"code":-32602,"message":"no","data":{"n": 1.0}}}`)
		}, `{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no","data":{"n": 1.0}}}`},
		"a connection cut off": {func(w http.ResponseWriter, _ *http.Request, _ said) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				conn.Close()
			}
		}, `"reason":"mount_lost","mount":"m","executed":true`},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHTTPMount(t)
			h.call = row.call
			c := up(t, mountOver(t, h, func(o *mount.Options) { o.MaxLineBytes = 4 << 10 }), 1)
			c.say(callOf(1, "m_a", ""))
			if got := c.hear(); !strings.Contains(got, row.want) {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
		})
	}
}

// TestMountHTTPForgets: a session that the server has forgotten is begun again, and the call that met that is sent
// again, once.
func TestMountHTTPForgets(t *testing.T) {
	for name, first := range map[string]func(*httpMount) func(http.ResponseWriter, *http.Request, said) bool{
		"404": func(*httpMount) func(http.ResponseWriter, *http.Request, said) bool { return nil },
		"400": func(h *httpMount) func(http.ResponseWriter, *http.Request, said) bool {
			return func(w http.ResponseWriter, r *http.Request, m said) bool {
				h.mu.Lock()
				defer h.mu.Unlock()
				if m.Method != "tools/call" || r.Header.Get("Mcp-Session-Id") == h.live {
					return false
				}
				http.Error(w, "Bad Request: No valid session ID provided", http.StatusBadRequest)
				return true
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHTTPMount(t)
			h.first = first(h)
			c := up(t, mountOver(t, h, nil), 1)
			h.forget()
			c.say(callOf(1, "m_a", ""))
			c.want(goodAnswer)
			if n := strings.Count(h.methods(), "tools/call"); n != 2 || h.at.Load() != 2 {
				t.Errorf("%d calls in %d sessions: %s", n, h.at.Load(), h.methods())
			}
		})
	}
}

// TestMountHTTPSecrets: a client's own token stays here; the mount's headers and its token, as its file has it now, are
// sent.
func TestMountHTTPSecrets(t *testing.T) {
	h := newHTTPMount(t)
	file := filepath.Join(t.TempDir(), "token")
	must(t, os.WriteFile(file, []byte("one\n"), 0o600))
	s := mountOver(t, h, func(o *mount.Options) { o.TokenFile, o.Headers = file, map[string]string{"X-Key": "k"} })
	up(t, s, 1)
	for _, token := range []string{"one", "another"} {
		must(t, os.WriteFile(file, []byte(token+"\n"), 0o600))
		body := strings.Replace(callOf(1, "m_a", `,"_meta":{`+modernMeta+`}`), `"m_a"`, `"m_a","arguments":{}`, 1)
		request, err := http.NewRequest("POST", "http://"+s.Addrs()["http"]+"/mcp", strings.NewReader(body))
		must(t, err)
		for name, value := range map[string]string{"Authorization": "Bearer client", "Cookie": "c=1",
			"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
			"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "m_a"} {
			request.Header.Set(name, value)
		}
		response, err := http.DefaultClient.Do(request)
		must(t, err)
		text, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if !strings.Contains(string(text), `"n":1.00e2`) {
			t.Fatalf("%s", text)
		}
		h.mu.Lock()
		if h.headers.Get("Authorization") != "Bearer "+token || h.headers.Get("X-Key") != "k" ||
			h.headers.Get("Cookie") != "" {
			t.Errorf("%v", h.headers)
		}
		h.mu.Unlock()
	}
	http.DefaultClient.CloseIdleConnections()
}

// TestMountHTTPIsNotThere: each row is a server that cannot be begun with, and the word for it.
func TestMountHTTPIsNotThere(t *testing.T) {
	for name, row := range map[string]struct {
		first func(w http.ResponseWriter, r *http.Request, m said) bool
		era   string
		want  string
	}{
		"it never initializes": {func(_ http.ResponseWriter, r *http.Request, _ said) bool {
			<-r.Context().Done()
			return true
		}, "auto", "no_answer"},
		"it dies at initialize": {cutOff, "auto", "not_connected"},
		"it dies at discover":   {cutOff, "modern", "not_connected"},
		"it wants a token": {func(w http.ResponseWriter, _ *http.Request, _ said) bool {
			w.WriteHeader(401)
			return true
		}, "auto", "unauthorized"},
		"it is too busy": {func(w http.ResponseWriter, _ *http.Request, _ said) bool {
			w.WriteHeader(429)
			return true
		}, "auto", "http_status"},
		"it redirects": {func(w http.ResponseWriter, r *http.Request, _ said) bool {
			http.Redirect(w, r, "/other", http.StatusMovedPermanently)
			return true
		}, "auto", "greeting_refused"},
		"it is no MCP": {func(w http.ResponseWriter, _ *http.Request, _ said) bool {
			io.WriteString(w, "<html>")
			return true
		}, "auto", "not_mcp"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHTTPMount(t)
			h.first = row.first
			s := mountOver(t, h, func(o *mount.Options) { o.StartTimeout, o.Era = 100*time.Millisecond*5, row.era })
			s.eventually("it is said", func() bool { return s.Status().Mounts[0].Why == row.want })
		})
	}
	t.Run("its token file is missing", func(t *testing.T) {
		s := mountOver(t, newHTTPMount(t), func(o *mount.Options) { o.TokenFile = t.TempDir() + "/none" })
		s.eventually("it is said", func() bool { return s.Status().Mounts[0].Why == "token_file" })
	})
}

func cutOff(w http.ResponseWriter, _ *http.Request, _ said) bool {
	if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
		conn.Close()
	}
	return true
}

// TestMountHTTPConnections: calls have max_connections less what is spare, the next waits, and one too many is refused.
func TestMountHTTPConnections(t *testing.T) {
	h := newHTTPMount(t)
	goOn := make(chan struct{})
	var once sync.Once
	release := func() { once.Do(func() { close(goOn) }) }
	t.Cleanup(release)
	h.call = func(w http.ResponseWriter, _ *http.Request, m said) {
		<-goOn
		sayJSON(w, m, goodResult)
	}
	s := mountOver(t, h, func(o *mount.Options) { o.MaxConnections, o.MaxWaiting, o.MaxShare = 6, 1, 100 })
	c := up(t, s, 1)
	for id := range 4 {
		c.say(callOf(id+1, "m_a", ""))
	}
	if got := c.hear(); !strings.Contains(got, `"reason":"mount_full"`) {
		t.Errorf("%s", got)
	}
	s.eventually("two are sent and one waits", func() bool {
		m := s.Status().Mounts[0]
		return m.InFlight == 2 && m.Waiting == 1 && m.Connections >= 2 && m.Connections <= 6
	})
	release()
	for range 3 {
		if got := c.hear(); !strings.Contains(got, `"n":1.00e2`) {
			t.Errorf("%s", got)
		}
	}
}

// TestMountHTTPBreaker: who cannot be reached is left alone after a while, and tried again.
func TestMountHTTPBreaker(t *testing.T) {
	h := newHTTPMount(t)
	var dead atomic.Bool
	h.call = func(w http.ResponseWriter, r *http.Request, m said) {
		if dead.Load() {
			cutOff(w, r, m)
			return
		}
		w.WriteHeader(503) // is an answer
	}
	s := mountOver(t, h, func(o *mount.Options) { o.BreakerFailures, o.BreakerPause = 2, 100*time.Millisecond })
	c := up(t, s, 1)
	answer := func(want string) {
		t.Helper()
		c.say(callOf(1, "m_a", ""))
		if got := c.hear(); !strings.Contains(got, `"reason":"`+want+`"`) {
			t.Errorf("%s, want %s", got, want)
		}
	}
	for range 5 {
		answer("mount_status")
	}
	dead.Store(true)
	answer("mount_lost")
	answer("mount_lost")
	if m := s.Status().Mounts[0]; m.Breaker.String() == "closed" || m.Opened != 1 || !m.Up {
		t.Errorf("%+v", m)
	}
	dead.Store(false)
	s.eventually("it is tried again", func() bool {
		c.say(callOf(1, "m_a", ""))
		got := c.hear()
		if !strings.Contains(got, "mount_status") && !strings.Contains(got, `"reason":"mount_open"`) {
			t.Errorf("%s", got)
		}
		return strings.Contains(got, "mount_status")
	})
	if m := s.Status().Mounts[0]; m.Breaker.String() != "closed" {
		t.Errorf("%+v", m)
	}
}

// TestMountHTTPResumes: a stream that ends before its answer is resumed where it ended.
func TestMountHTTPResumes(t *testing.T) {
	h := newHTTPMount(t)
	id := make(chan said, 1)
	h.call = func(w http.ResponseWriter, _ *http.Request, m said) {
		id <- m
		sayEvents(w, m, "id: 5\nretry: 50\ndata:\n\n")
	}
	h.first = func(w http.ResponseWriter, r *http.Request, _ said) bool {
		if r.Header.Get("Last-Event-Id") != "5" {
			return false
		}
		sayEvents(w, <-id, "id: 6\ndata: %s\n\n")
		return true
	}
	c := up(t, mountOver(t, h, nil), 1)
	c.say(callOf(1, "m_a", ""))
	c.want(goodAnswer)
}

// TestMountHTTPAsks: what a call's stream asks for is that call's, also beside others, and what its server says by
// itself is heard.
func TestMountHTTPAsks(t *testing.T) {
	h := newHTTPMount(t)
	answered, changed := make(chan string, 1), make(chan struct{})
	t.Cleanup(func() { close(answered) })
	var calls atomic.Int32
	h.call = func(w http.ResponseWriter, r *http.Request, m said) {
		if calls.Add(1) == 1 { // is in progress beside
			<-r.Context().Done()
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "data: {\"jsonrpc\":\"2.0\",\"id\":\"q\",\"method\":\"roots/list\"}\n\n")
		w.(http.Flusher).Flush()
		<-answered
		sayEvents(w, m, "data: %s\n\n")
	}
	h.first = func(w http.ResponseWriter, r *http.Request, m said) bool {
		switch {
		case r.Method == http.MethodGet:
			w.Header().Set("Content-Type", "text/event-stream")
			w.(http.Flusher).Flush()
			select {
			case <-changed:
			case <-r.Context().Done():
				return true
			}
			io.WriteString(w, "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}\n\n")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		case m.Method == "" && r.Method == http.MethodPost:
			w.WriteHeader(http.StatusAccepted)
			answered <- string(m.ID)
		default:
			return false
		}
		return true
	}
	s := mountOver(t, h, nil)
	c := up(t, s, 1)
	c.say(callOf(7, "m_a", ""))
	s.eventually("one is in progress", func() bool { return calls.Load() == 1 })
	meta := `,"_meta":{` + strings.Replace(modernMeta, `{}`, `{"roots":{}}`, 1) + `}`
	c.say(callOf(1, "m_a", meta))
	got := c.hear()
	var asks struct {
		Result struct{ ResultType, RequestState string }
	}
	must(t, json.Unmarshal([]byte(got), &asks))
	if asks.Result.ResultType != "input_required" {
		t.Fatalf("%s", got)
	}
	c.say(callOf(2, "m_a", meta+`,"requestState":"`+asks.Result.RequestState+`","inputResponses":{"0":{"roots":[]}}`))
	if got := c.hear(); !strings.Contains(got, `"n":1.00e2`) {
		t.Errorf("%s", got)
	}
	before := strings.Count(h.methods(), "tools/list")
	close(changed)
	s.eventually("it is asked for its list", func() bool { return strings.Count(h.methods(), "tools/list") > before })
	c.say(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}`)
	s.eventually("the cancellation is there", func() bool {
		return strings.Contains(h.methods(), "notifications/cancelled")
	})
}

// TestMountHTTPUnreached: calls of a server that has gone are answered by name at once, and served when it is back.
func TestMountHTTPUnreached(t *testing.T) {
	h := newHTTPMount(t)
	address := h.Listener.Addr().String()
	s := mountOver(t, h, nil)
	c := up(t, s, 1)
	h.CloseClientConnections()
	h.Close()
	c.say(callOf(1, "m_a", ""))
	got := c.hear()
	if strings.Contains(got, `"reason":"mount_lost","mount":"m","executed":true`) { // sent before the end was seen here
		c.say(callOf(1, "m_a", ""))
		got = c.hear()
	}
	if !strings.Contains(got, `"reason":"mount_down","mount":"m","retryAfterMs":1000,"executed":false`) {
		t.Errorf("%s", got)
	}
	ln, err := net.Listen("tcp", address)
	must(t, err)
	h.forget()
	back := &http.Server{Handler: h}
	go back.Serve(ln)
	t.Cleanup(func() { back.Close() })
	c.say(callOf(1, "m_a", ""))
	c.want(goodAnswer)
}

// TestMountHTTPArriving: bodies that have not come whole hold no more than the mount may; what is beyond is told by
// name, and what was held is given back.
func TestMountHTTPArriving(t *testing.T) {
	h := newHTTPMount(t)
	var length atomic.Int64
	length.Store(100 << 10)
	h.call = func(w http.ResponseWriter, _ *http.Request, m said) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":%q}]}}`, m.ID,
			strings.Repeat("x", int(length.Load())))
	}
	o := mount.DefaultOptions()
	o.URL, o.MaxBytes = h.URL, 64<<10
	s := startConfig(t, func(c *Config) { c.Mounts = map[string]*mount.Options{"m": &o} })
	c := up(t, s, 1)
	c.say(callOf(1, "m_a", ""))
	contains(t, c.hear(), `"mount_answer"`, "max_bytes")
	if n := s.metric(`weir_mount_limits_met_total{mount="m",limit="arriving_bytes"}`); n != "1" {
		t.Error(n)
	}
	length.Store(1 << 10)
	c.say(callOf(2, "m_a", ""))
	contains(t, c.hear(), `"result"`)
	s.eventually("what was held is given back", func() bool {
		return s.metric(`weir_mount_arriving_bytes{mount="m"}`) == "0"
	})
}
