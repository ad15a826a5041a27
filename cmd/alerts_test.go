package cmd

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"golang.org/x/sys/unix"

	"weir/backpressure/alert"
	"weir/cmd/needs"
	"weir/registry"
)

// withTrouble makes the test binary behave as a server whose tools fail, are slow, and take memory.
const withTrouble = "trouble"

func offerTrouble(r *registry.Registry) error {
	add := func(name string, handler func() error, options ...registry.HandlerOption) {
		registry.AddTool(r, &mcp.Tool{Name: name}, func(context.Context, *mcp.CallToolRequest, struct{}) (
			*mcp.CallToolResult, any, error) {
			return &mcp.CallToolResult{}, nil, handler()
		}, options...)
	}
	var ballast []byte
	add("well", func() error { return nil })
	add("fail", func() error { panic("it is what this tool is for") })
	add("slow", func() error { time.Sleep(160 * time.Millisecond); return nil }, registry.Cheap())
	add("load", func() (err error) { // beside Go's memory, so that it is gone when it is let go of
		if ballast, err = unix.Mmap(-1, 0, 400<<20, unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE); err == nil {
			for i := 0; i < len(ballast); i += 4096 {
				ballast[i] = 1
			}
		}
		return err
	})
	add("drop", func() error { return unix.Munmap(ballast) })
	return nil
}

// troubled is a server in trouble, with everything that hears of it.
type troubled struct {
	*child
	t       *testing.T
	clients []net.Conn
	stop    chan struct{}
	callers sync.WaitGroup
	mu      sync.Mutex
	refused map[string]int // calls of fail that were refused, by what they were told
}

// troubleConfig has all alerts fire and clear in seconds; scale makes them slower.
const troubleConfig = `
soft_connections: 20
alerts:
  window: %v
  min_calls: 20
  clear_after: %v
  memory_bytes: 300 MiB
  memory_for: %v
  webhook: {url: '%s', token_file: '%s', min_backoff: 10ms, max_backoff: 50ms}
`

// startTroubled runs the server with windows of so many seconds.
func startTroubled(t *testing.T, window time.Duration, webhook string) *troubled {
	folder := t.TempDir()
	config := fmt.Sprintf(troubleConfig, window, window/4, window/4, webhook, writeFile(t, folder, "token", "secret\n"))
	s := &troubled{t: t, child: startChildAs(t, withTrouble, nil, "--config", writeFile(t, folder, "weir.yaml", config)),
		stop: make(chan struct{}), refused: map[string]int{}}
	return s
}

const troubleCall = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":%q,"arguments":{},` +
	`"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}` +
	"\n"

// call calls a tool once.
func (s *troubled) call(tool string) string {
	conn := s.dial()
	defer conn.Close()
	fmt.Fprintf(conn, troubleCall, tool)
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		s.t.Error(tool, err)
	}
	return line
}

func (s *troubled) dial() net.Conn {
	conn, err := net.Dial("tcp", s.addresses["tcp"])
	if err != nil {
		s.t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(15 * time.Minute))
	return conn
}

// begin has calls fail, calls be slow, memory be taken and connections be opened, until end.
func (s *troubled) begin() {
	if answer := s.call("load"); !strings.Contains(answer, "result") {
		s.t.Fatal(answer)
	}
	for range 25 {
		s.clients = append(s.clients, s.dial())
	}
	for _, tool := range []string{"fail", "slow"} {
		conn := s.dial()
		s.clients = append(s.clients, conn)
		s.callers.Go(func() {
			answers := bufio.NewReader(conn)
			for {
				select {
				case <-s.stop:
					return
				case <-time.After(2 * time.Millisecond):
				}
				fmt.Fprintf(conn, troubleCall, tool)
				line, err := answers.ReadString('\n')
				if err != nil {
					s.t.Error(tool, err)
					return
				}
				if strings.Contains(line, `"executed":false`) {
					s.mu.Lock()
					s.refused[tool+" "+reasonIn(line)]++
					s.mu.Unlock()
				}
			}
		})
	}
}

// reasonIn is the reason in an error.
func reasonIn(line string) string {
	_, rest, _ := strings.Cut(line, `"reason":"`)
	word, _, _ := strings.Cut(rest, `"`)
	return word
}

// end ends the trouble.
func (s *troubled) end() {
	close(s.stop)
	s.callers.Wait()
	for _, conn := range s.clients {
		conn.Close()
	}
	eventually(s.t, "the memory is given back", func() bool {
		return strings.Contains(s.call("drop"), "result") // the emergency stop lets one in 16 through
	})
}

// pagedOnce is a receiver that keeps what it was told.
type pagedOnce struct {
	*httptest.Server
	mu     sync.Mutex
	tokens map[string]bool
	got    []string // "WeirMemory firing"
}

func startPagedOnce(t *testing.T) *pagedOnce {
	r := &pagedOnce{tokens: map[string]bool{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		var body struct {
			Version string
			Alerts  []struct {
				Status string
				Labels map[string]string
			}
		}
		if err := json.NewDecoder(request.Body).Decode(&body); err != nil || body.Version != "4" {
			t.Errorf("version %q: %v", body.Version, err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.tokens[request.Header.Get("Authorization")] = true
		for _, a := range body.Alerts {
			r.got = append(r.got, a.Labels["alertname"]+" "+a.Status+" "+a.Labels["severity"])
		}
	}))
	t.Cleanup(r.Close)
	return r
}

// last is what it was told last of each alert.
func (r *pagedOnce) last() map[string]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := map[string]string{}
	for _, got := range r.got {
		name, status, _ := strings.Cut(got, " ")
		last[name] = status
	}
	return last
}

// each fails unless it was told of each alert once that it fires and then once that it has cleared, as often as it did:
// a machine that stands still for a window has it clear and fire again.
func (r *pagedOnce) each(t *testing.T) {
	t.Helper()
	severity := map[string]string{alert.ErrorRate: "warning", alert.Slow: "warning", alert.Connections: "warning"}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range alertsOfOne() {
		word := cmp.Or(severity[name], "critical")
		told := slices.DeleteFunc(slices.Clone(r.got), func(got string) bool { return !strings.HasPrefix(got, name+" ") })
		for i, got := range told {
			if want := name + []string{" firing ", " resolved "}[i%2] + word; got != want {
				t.Errorf("number %d of %s is %s, want %s:\n%s", i, name, got, want, strings.Join(r.got, "\n"))
			}
		}
		if len(told) == 0 || len(told)%2 != 0 {
			t.Errorf("of %s it was told %d times:\n%s", name, len(told), strings.Join(r.got, "\n"))
		}
	}
}

// alertsOfOne are the alerts that a server has which is alone.
func alertsOfOne() []string {
	return slices.DeleteFunc(alert.Names(), func(name string) bool {
		return name == alert.NodeLost || name == alert.CallsWait
	})
}

// await waits until each alert is in this status.
func (r *pagedOnce) await(t *testing.T, status string, most time.Duration) {
	t.Helper()
	want := len(alertsOfOne())
	within(t, most, func() string {
		r.mu.Lock()
		defer r.mu.Unlock()
		return fmt.Sprintf("%d alerts are %s:\n%s", want, status, strings.Join(r.got, "\n"))
	}, func() bool {
		n := 0
		for _, last := range r.last() {
			if strings.HasPrefix(last, status+" ") {
				n++
			}
		}
		return n >= want
	})
}

// patience is what a busy machine may add to a time that is promised.
const patience = 20 * time.Second

// TestAlerts: each alert fires when the server is in trouble and clears afterwards, in the time that is promised; the
// receiver hears of each once. The emergency stop refuses calls of tools that wait, and no others.
func TestAlerts(t *testing.T) {
	r := startPagedOnce(t)
	s := startTroubled(t, time.Second, r.URL)
	s.begin()
	r.await(t, "firing", time.Second+patience)
	var page struct{ Alerts []alert.Alert }
	eventually(t, "all fire at once", func() bool {
		if err := json.Unmarshal([]byte(s.httpGet("/alerts")), &page); err != nil || len(page.Alerts) != len(alert.Names()) {
			t.Fatal(err, page)
		}
		return !slices.ContainsFunc(page.Alerts, func(a alert.Alert) bool {
			return a.Name != alert.NodeLost && a.Name != alert.CallsWait && (a.State != alert.Firing || a.Since.IsZero() || a.Value <= a.FiresAbove)
		})
	})
	eventually(t, "/status names them", func() bool {
		var status struct{ Alerts []string }
		if err := json.Unmarshal([]byte(s.httpGet("/status")), &status); err != nil {
			t.Fatal(err)
		}
		return slices.Equal(status.Alerts, alertsOfOne())
	})
	for _, want := range []string{`weir_alert_firing\{alert="WeirMemory",severity="critical"\} 1`, "weir_emergency_stop 1",
		`weir_alerts_fired_total\{alert="WeirSlow",severity="warning"\} [1-9]`, `weir_webhooks_sent_total ([6-9]|\d\d)`} {
		shown := regexp.MustCompile("(?m)^" + want)
		eventually(t, "/metrics says "+want, func() bool { return shown.MatchString(s.httpGet("/metrics")) })
	}
	s.end()
	r.await(t, "resolved", 2*time.Second+patience)
	r.each(t)
	if len(s.refused) != 1 || s.refused["fail emergency_stop"] == 0 {
		t.Errorf("refused were %v", s.refused)
	}
	if !r.tokens["Bearer secret"] || len(r.tokens) != 1 {
		t.Errorf("the tokens were %v", r.tokens)
	}
	if answer := s.call("well"); !strings.Contains(answer, "result") {
		t.Error("after the stop:", answer)
	}
	s.Process.Signal(syscall.SIGTERM)
	if code := s.exitCode(); code != exitOK {
		t.Errorf("exit %d", code)
	}
}

// TestPrometheusAlerts: the same by a real Prometheus with docs/deploy/alerts.yml, its windows scaled, and a real
// Alertmanager.
func TestPrometheusAlerts(t *testing.T) {
	needs.Programs(t, "no alert of Prometheus was fired", "prometheus", "prometheus-alertmanager")
	t.Parallel()
	prometheusAlerts(t, 2*time.Second)
}

// TestPrometheusAlertsFull is the same with the windows that are the default.
func TestPrometheusAlertsFull(t *testing.T) {
	needs.Slow(t)
	needs.Programs(t, "no alert of Prometheus was fired", "prometheus", "prometheus-alertmanager")
	prometheusAlerts(t, time.Minute)
}

func prometheusAlerts(t *testing.T, window time.Duration) {
	r := startPagedOnce(t)
	s := startTroubled(t, window, "")
	folder := t.TempDir()
	o := alert.DefaultOptions()
	o.Window, o.MinCalls, o.ClearAfter, o.MemoryFor, o.MemoryBytes = window, 20, window/4, window/4, 300<<20
	manager := startForeign(t, "prometheus-alertmanager", "--storage.path="+folder, "--cluster.listen-address=",
		"--web.listen-address=127.0.0.1:0", "--config.file="+writeFile(t, folder, "alertmanager.yml", fmt.Sprintf(
			"route: {receiver: stub, group_by: [alertname], group_wait: 10ms, group_interval: 100ms, repeat_interval: 1h}\n"+
				"receivers: [{name: stub, webhook_configs: [{url: '%s', send_resolved: true}]}]\n", r.URL)))
	base := "http://" + startPrometheus(t, s.addresses["admin"], writeFile(t, folder, "alerts.yml", string(alert.Rules(o))),
		manager)
	within(t, prometheusPatience, func() string { return "Prometheus scrapes something" },
		func() bool { return queryPrometheus(t, base, "count(weir_connections)") > 0 })
	s.begin()
	r.await(t, "firing", 2*window+patience)
	s.end()
	r.await(t, "resolved", 3*window+patience)
	r.each(t)
}

const alertsRules = repository + "/docs/deploy/alerts.yml"

// TestDocsAlerts makes docs/deploy/alerts.yml from the table of alerts, and fails when the file that is committed says
// something else.
func TestDocsAlerts(t *testing.T) {
	made := alert.Rules(alert.DefaultOptions())
	if *update {
		if err := os.WriteFile(alertsRules, made, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if committed, err := os.ReadFile(alertsRules); err != nil || string(committed) != string(made) {
		t.Error("docs/deploy/alerts.yml is stale: run make docs", err)
	}
}

// TestAlertRules: promtool finds the rules well made, and each fires and clears as its unit tests say.
func TestAlertRules(t *testing.T) {
	needs.Programs(t, "the rules for Prometheus were not judged", "promtool")
	rules, err := filepath.Abs(alertsRules)
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"check", "rules", rules}, {"test", "rules", "testdata/alerts_test.yml"}} {
		if out, err := exec.CommandContext(t.Context(), "promtool", args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
}

// TestServeReloadsAlerts: SIGHUP takes the section alerts from the file again, names what else changed, and takes
// nothing of a file with a mistake.
func TestServeReloadsAlerts(t *testing.T) {
	folder := t.TempDir()
	config := writeFile(t, folder, "weir.yaml", "alerts: {memory_bytes: 1 TiB, memory_for: 0s}\n")
	c := startChild(t, "--config", config)
	reload := func(text, message string, line any) {
		t.Helper()
		writeFile(t, folder, "weir.yaml", text)
		c.Process.Signal(syscall.SIGHUP)
		c.await(message, line)
	}
	reload("alerts: {memory_bytes: 1 B, memory_fr: 0s}\n", "configuration not reloaded, the former one holds on", nil)
	var line struct {
		Changed []string `json:"changed_keys_that_need_a_restart"`
	}
	reload("alerts: {memory_bytes: 1 B, memory_for: 0s}\nqueue_timeout: 4s\n", "configuration reloaded", &line)
	if !slices.Equal(line.Changed, []string{"queue_timeout"}) {
		t.Errorf("changed: %v", line.Changed)
	}
	var fires struct{ Alert, Severity, State, Level string }
	c.await("alert fires", &fires)
	if fires.Alert != alert.Memory || fires.Severity != "critical" || fires.Level != "error" {
		t.Errorf("%+v", fires)
	}
	reload("alerts: {memory_bytes: 0}\nqueue_timeout: 4s\n", "configuration reloaded", nil)
	c.await("alert cleared", nil)
}
