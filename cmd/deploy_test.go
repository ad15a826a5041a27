package cmd

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"weir/cmd/exposition"
	"weir/cmd/needs"
)

// What docs/deploy has for those who watch a server.

const deployFolder = repository + "/docs/deploy/"

func deployed(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(deployFolder + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// expression is one of the dashboard's.
type expression struct{ panel, text string }

// dashboardExpressions are those of docs/deploy/grafana.json, as Grafana would send them.
func dashboardExpressions(t *testing.T) (all []expression) {
	t.Helper()
	var dashboard struct {
		Panels []struct {
			ID      int
			Type    string
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr, LegendFormat string }
		}
	}
	if err := json.Unmarshal([]byte(deployed(t, "grafana.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	ids := map[int]bool{}
	for _, p := range dashboard.Panels {
		if ids[p.ID] || p.Title == "" || p.GridPos.X+p.GridPos.W > 24 || p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %d, %q, is not drawn", p.ID, p.Title)
		}
		ids[p.ID] = true
		for _, target := range p.Targets {
			text := strings.NewReplacer("$__rate_interval", "5s", "$instance", ".*").Replace(target.Expr)
			all = append(all, expression{p.Title, text})
		}
	}
	return all
}

var seriesIn = regexp.MustCompile(`\b((?:weir|mcp|go|process)_[a-z0-9_]+)\{`)

// TestDashboardNamesSeries: each series of the dashboard is one of docs/METRICS.md, or of the process.
func TestDashboardNamesSeries(t *testing.T) {
	known := map[string]bool{}
	for _, section := range exposition.Sections {
		for _, f := range section.Families {
			known[f.Name] = true
		}
	}
	named := 0
	for _, e := range dashboardExpressions(t) {
		for _, found := range seriesIn.FindAllStringSubmatch(e.text, -1) {
			named++
			name := found[1]
			base := strings.TrimSuffix(name, "_bucket")
			if !known[base] && !strings.HasPrefix(name, "go_") && !strings.HasPrefix(name, "process_") {
				t.Errorf("%s asks for %s, which the server does not show", e.panel, name)
			}
		}
	}
	if named < 40 {
		t.Errorf("the dashboard asks for %d series", named)
	}
}

// TestDashboard: a Prometheus with docs/deploy/prometheus.yml has a value for every expression of the dashboard, after
// some load.
func TestDashboard(t *testing.T) {
	needs.Programs(t, "no expression of the dashboard was computed", "prometheus", "promtool")
	check := exec.Command("promtool", "check", "config", deployFolder+"prometheus.yml")
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	t.Parallel()
	s := startTest(t, func(c *Config) { c.Queue.MaxWaitingPerConnection = 16 })
	folder := t.TempDir()
	config := strings.NewReplacer("127.0.0.1:9090", s.addresses["admin"], "15s", "200ms").Replace(
		deployed(t, "prometheus.yml"))
	writeFile(t, folder, "alerts.yml", deployed(t, "alerts.yml"))
	base := "http://" + startForeign(t, "prometheus", "--config.file="+writeFile(t, folder, "prometheus.yml", config),
		"--storage.tsdb.path="+filepath.Join(folder, "data"), "--web.listen-address=127.0.0.1:0")
	stop := make(chan struct{})
	loaded := make(chan struct{})
	go func() { defer close(loaded); loadDashboard(t, s, stop) }()
	defer func() { close(stop); <-loaded }()
	patience := prometheusPatience // for the first scrapes; what comes later has been scraped too
	for _, e := range dashboardExpressions(t) {
		found, problem := false, ""
		for until := time.Now().Add(patience); !found && time.Now().Before(until); {
			if found, problem = hasValue(base, e.text); !found {
				time.Sleep(100 * time.Millisecond)
			}
		}
		if !found {
			t.Errorf("%s has no value: %s %s", e.panel, e.text, problem)
		}
		patience = min(patience, 5*time.Second)
	}
}

// loadDashboard does a little of everything that the dashboard shows, again and again. Most of a burst is refused.
func loadDashboard(t *testing.T, s *server, stop chan struct{}) {
	const burst = 300
	call := func(id int, tool, arguments string) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":%q,"arguments":%s,"_meta":{`+
			`"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`+"\n",
			id, tool, arguments)
	}
	asked := call(1, "echo", `{}`) + call(2, "sleep", `{"ms":1}`)
	for i := range burst - 2 {
		asked += call(i+3, "echo", `{"message":"x"}`)
	}
	for {
		conn := dialTCP(t, s)
		if err := conn.SetDeadline(time.Now().Add(prometheusPatience)); err != nil {
			t.Error(err)
		}
		go conn.Write([]byte(asked)) // who asks and does not read is not read
		for answers := bufio.NewScanner(conn); answers.Scan(); {
			if strings.Contains(answers.Text(), fmt.Sprintf(`"id":%d,`, burst)) {
				break
			}
		}
		conn.Close()
		runtime.GC() // which may be the only one in the seconds that an expression looks at
		select {
		case <-stop:
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// slowly is a client that gives up.
var slowly = http.Client{Timeout: 10 * time.Second}

// hasValue says whether an expression has a value that is a number; problem is what Prometheus says of it.
func hasValue(base, expression string) (found bool, problem string) {
	response, err := slowly.Get(base + "/api/v1/query?query=" + url.QueryEscape(expression))
	if err != nil {
		return false, err.Error()
	}
	defer response.Body.Close()
	var answer struct {
		Error string
		Data  struct{ Result []struct{ Value [2]any } }
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return false, err.Error()
	}
	for _, r := range answer.Data.Result {
		if r.Value[1] != "NaN" {
			return true, ""
		}
	}
	return false, answer.Error
}
