package cmd

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"weir/cmd/needs"
)

// TestPromtool: Prometheus' own judge of names, types and helps finds nothing.
func TestPromtool(t *testing.T) {
	needs.Programs(t, "the names and types of the series were not judged", "promtool")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	check := exec.CommandContext(ctx, "promtool", "check", "metrics")
	check.Stdin = strings.NewReader(metricsOf(t, startTest(t, nil)))
	if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestPrometheus: a stock Prometheus scrapes a server and computes a quantile of a tool's time.
func TestPrometheus(t *testing.T) {
	needs.Programs(t, "no quantile was computed", "prometheus")
	t.Parallel()
	s := startTest(t, nil)
	base := "http://" + startPrometheus(t, s.addresses["admin"], "", "")
	conn := dialTCP(t, s)
	answers := bufio.NewReader(conn)
	const quantile = `histogram_quantile(0.95, sum by (le) (rate(weir_tool_duration_seconds_bucket{tool="sleep"}[10s])))`
	p95 := 0.0
	for until := time.Now().Add(prometheusPatience); p95 == 0; { // it looks for what to scrape every five seconds
		if time.Now().After(until) {
			t.Fatal("Prometheus computes no p95")
		}
		fmt.Fprintf(conn, sleepCall, 30)
		if _, err := answers.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		p95 = queryPrometheus(t, base, quantile)
	}
	if p95 < 0.025 || p95 > 5 {
		t.Errorf("the p95 of a sleep of 30 ms is %v s", p95)
	}
}

// prometheusPatience is how long each step may take on a busy machine; a quiet one needs six seconds in all.
const prometheusPatience = 30 * time.Second

// startPrometheus runs a Prometheus that scrapes one address five times a second, until the test ends, and returns its
// own address. rules, unless empty, is a rules file, whose alerts go to the Alertmanager at that address.
func startPrometheus(t *testing.T, target, rules, alertmanager string) (address string) {
	t.Helper()
	folder := t.TempDir()
	text := fmt.Sprintf("global: {scrape_interval: 200ms}\n"+
		"scrape_configs: [{job_name: weir, static_configs: [{targets: ['%s']}]}]\n", target)
	if rules != "" {
		text += fmt.Sprintf("rule_files: ['%s']\nalerting: {alertmanagers: [{static_configs: [{targets: ['%s']}]}]}\n", rules,
			alertmanager)
	}
	return startForeign(t, "prometheus", "--config.file="+writeFile(t, folder, "prometheus.yml", text),
		"--storage.tsdb.path="+filepath.Join(folder, "data"), "--web.listen-address=127.0.0.1:0")
}

func writeFile(t *testing.T, folder, name, text string) (path string) {
	t.Helper()
	path = filepath.Join(folder, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var foreignListens = regexp.MustCompile(`msg="Listening on" address=(127\.0\.0\.1:\d+)`)

// startForeign runs one of Prometheus' programs until the test ends, and returns the address that it listens on.
func startForeign(t *testing.T, binary string, args ...string) (address string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	t.Cleanup(cancel)
	process := exec.CommandContext(ctx, binary, args...)
	log, err := process.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() {
		cancel()
		<-ended
		process.Wait()
	})
	found := make(chan string, 1)
	go func() { // until its end, so that it is never held up by what it says
		defer close(ended)
		for lines := bufio.NewScanner(log); lines.Scan(); {
			if match := foreignListens.FindStringSubmatch(lines.Text()); match != nil {
				found <- match[1]
			}
		}
	}()
	select {
	case address = <-found:
	case <-ended:
		t.Fatal(binary, "ended without listening")
	case <-time.After(prometheusPatience):
		t.Fatal(binary, "does not listen")
	}
	return address
}

// queryPrometheus evaluates an expression that has one value; 0 while it has none.
func queryPrometheus(t *testing.T, base, expression string) float64 {
	t.Helper()
	response, err := http.Get(base + "/api/v1/query?query=" + url.QueryEscape(expression))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct {
		Data struct{ Result []struct{ Value [2]any } }
	}
	if response.StatusCode == http.StatusServiceUnavailable {
		return 0
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	if len(answer.Data.Result) == 0 {
		return 0
	}
	value, err := strconv.ParseFloat(fmt.Sprint(answer.Data.Result[0].Value[1]), 64)
	if err != nil || value != value {
		return 0
	}
	return value
}
