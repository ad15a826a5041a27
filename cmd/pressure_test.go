package cmd

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"weir/backpressure/pressure"
	"weir/cmd/live"
)

// strained is a server whose readings are told.
type strained struct {
	*server
	t    *testing.T
	told pressure.Reading
}

func startStrained(t *testing.T, change func(*Config)) *strained {
	s := &strained{server: startTest(t, change), t: t}
	w := s.strain
	w.end()
	w.read = func() pressure.Reading { return s.told }
	t.Cleanup(func() { // what ends it at the stop finds it running
		w.stop, w.done = make(chan struct{}), make(chan struct{})
		go w.run()
	})
	return s
}

// memory has so many percent of it in use, and looks.
func (s *strained) memory(percent int64) {
	s.told = pressure.Reading{HeapBytes: percent, HeapLimitBytes: 100}
	s.strain.look()
}

// post calls echo over HTTP.
func (s *strained) post(method string) (*http.Response, string) {
	s.t.Helper()
	body := `{"jsonrpc":"2.0","id":1,"method":"` + method + `","params":{"name":"echo","arguments":{"message":"x"},"_meta":` +
		`{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`
	request, err := http.NewRequestWithContext(s.t.Context(), "POST", "http://"+s.addresses["http"]+"/mcp",
		strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for name, value := range map[string]string{"Content-Type": "application/json", "MCP-Protocol-Version": "2026-07-28",
		"Accept": "application/json, text/event-stream", "Mcp-Method": method, "Mcp-Name": "echo"} {
		request.Header.Set(name, value)
	}
	if method != "tools/call" {
		request.Header.Del("Mcp-Name")
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer, string(text)
}

// TestPressure: what gives way at each level, and what does not; and all is taken back.
func TestPressure(t *testing.T) {
	s := startStrained(t, nil)
	line := dialTCP(t, s.server)
	answers := bufio.NewReader(line)
	onLine := func(want string) {
		t.Helper()
		fmt.Fprintf(line, sleepCall, 0)
		if got, err := answers.ReadString('\n'); err != nil || !strings.Contains(got, want) {
			t.Errorf("got %q, %v, no %s", got, err, want)
		}
		fmt.Fprintln(line, `{"jsonrpc":"2.0","id":1,"method":"ping"}`)
		if got, err := answers.ReadString('\n'); err != nil || !strings.Contains(got, `"result"`) {
			t.Errorf("ping: %q, %v", got, err)
		}
	}
	f := func(percent int64, level string, closes bool, call, ready int) {
		t.Helper()
		s.memory(percent)
		answer, text := s.post("tools/call")
		if answer.StatusCode != call || answer.Close != closes {
			t.Errorf("at %d %%: %s, close %v", percent, answer.Status, answer.Close)
		}
		if call == http.StatusServiceUnavailable && (!strings.Contains(text, `"reason":"process_pressure"`) ||
			!strings.Contains(text, `"executed":false`) || answer.Header.Get("Retry-After") == "") {
			t.Errorf("at %d %%: %s", percent, text)
		}
		if answer, text := s.post("tools/list"); answer.StatusCode != 200 {
			t.Errorf("at %d %% lists are not served: %s", percent, text)
		}
		if call == http.StatusOK {
			onLine("slept")
		} else {
			onLine("process_pressure")
		}
		get(t, s.server, "/readyz", ready)
		var status struct{ Pressure live.Pressure }
		if err := json.Unmarshal(get(t, s.server, "/status", 200), &status); err != nil || status.Pressure.Level != level {
			t.Errorf("at %d %%: %+v, %v", percent, status, err)
		}
	}
	f(80, "none", false, 200, 200)
	f(86, "shorten_idle", false, 200, 200)
	f(93, "close_after_answer", true, 200, 200)
	f(96, "refuse_calls", true, 503, 200)

	s.memory(99)
	get(t, s.server, "/readyz", http.StatusServiceUnavailable)
	if text := string(get(t, s.server, "/metrics", 200)); !strings.Contains(text, "weir_pressure_level 4\n") ||
		!strings.Contains(text, `weir_pressure{of="memory"} 0.99`) {
		t.Error("/metrics does not say it")
	}
	onLine("process_pressure") // who is there is served
	told, err := io.ReadAll(dialTCP(t, s.server))
	if err != nil || !strings.Contains(string(told), `"reason":"process_pressure"`) {
		t.Errorf("a newcomer was told %q, %v", told, err)
	}
	for range 4 {
		s.memory(10)
	}
	f(10, "none", false, 200, 200)
}

// TestIdleUnderPressure: an idle connection has a quarter of its time.
func TestIdleUnderPressure(t *testing.T) {
	s := startStrained(t, func(c *Config) { c.Server.LineIdleTimeout = 8 * time.Second })
	conn := dialTCP(t, s.server)
	fmt.Fprintln(conn, `{"jsonrpc":"2.0","id":1,"method":"ping"}`)
	answers := bufio.NewReader(conn)
	if _, err := answers.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	s.memory(86)
	_, err := answers.ReadString('\n')
	if took := time.Since(began); err != io.EOF || took < time.Second || took > 7*time.Second {
		t.Errorf("%v after %v", err, took)
	}
}

// TestReadings: what is read of this process is possible.
func TestReadings(t *testing.T) {
	s := startTest(t, nil)
	read := readings(s)
	first := read()
	conn := dialTCP(t, s)
	fmt.Fprintf(conn, sleepCall, 1)
	if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	held, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	second := read()
	if second.HeapBytes < 1<<20 || second.HeapBytes > 1<<32 || second.ResidentBytes > 1<<33 {
		t.Errorf("memory: %+v", second)
	}
	if first.Files < 5 || second.Files <= first.Files-20 || second.FileLimit < second.Files || second.Connections != 1 {
		t.Errorf("descriptors: %+v, then %+v", first, second)
	}
	if first.Latency != 0 || second.Latency < 0 || second.Latency > time.Minute {
		t.Errorf("scheduling: %+v", second)
	}
}
