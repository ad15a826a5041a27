package cmd

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/cmd/live"
	"weir/codec/option"
	"weir/registry"
)

// placeless is where a key stands that no file has.
var placeless = option.Place{}

// patientLine is a client that calls over TCP, and waits for each answer.
type patientLine struct {
	net.Conn
	answers *bufio.Reader
}

func dialLine(t *testing.T, s *server) *patientLine {
	t.Helper()
	conn := dialTCP(t, s)
	l := &patientLine{conn, bufio.NewReader(conn)}
	fmt.Fprintln(l, `{"jsonrpc":"2.0","id":0,"method":"ping"}`)
	if _, err := l.answers.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return l
}

// call calls a tool and returns its answer.
func (l *patientLine) call(t *testing.T, tool, arguments string) string {
	line := strings.Replace(troubleCall, `"arguments":{}`, `"arguments":`+arguments, 1)
	fmt.Fprintf(l, line, tool)
	answer, err := l.answers.ReadString('\n')
	if err != nil {
		t.Error(tool, err)
	}
	return answer
}

func lookAt(t *testing.T, s *server) (l live.Look) {
	t.Helper()
	if err := json.Unmarshal(get(t, s, "/live", http.StatusOK), &l); err != nil {
		t.Fatal(err)
	}
	return l
}

// samples are the values of /metrics, by series.
func samples(t *testing.T, s *server) map[string]float64 {
	t.Helper()
	return samplesOf(string(get(t, s, "/metrics", http.StatusOK)))
}

func samplesOf(page string) map[string]float64 {
	all := map[string]float64{}
	for line := range strings.Lines(page) {
		series, value, _ := strings.Cut(strings.TrimSpace(line), "} ")
		if !strings.Contains(line, "} ") {
			series, value, _ = strings.Cut(strings.TrimSpace(line), " ")
		} else {
			series += "}"
		}
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			all[series] = v
		}
	}
	return all
}

// sumOf sums the series of a name whose labels hold all these parts.
func sumOf(all map[string]float64, name string, parts ...string) (sum float64) {
	for series, value := range all {
		if series != name && !strings.HasPrefix(series, name+"{") {
			continue
		}
		if !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(series, p) }) {
			sum += value
		}
	}
	return sum
}

// compared are the counters that page and top show, each with where they are in a look and in /metrics.
var compared = map[string]struct {
	look    func(*live.Look) float64
	metrics func(map[string]float64) float64
}{
	"calls": {func(l *live.Look) float64 { return float64(l.Calls.Total) },
		func(m map[string]float64) float64 { return sumOf(m, "weir_tool_calls_total") }},
	"failed calls": {func(l *live.Look) float64 { return float64(l.Calls.Errors) },
		func(m map[string]float64) float64 {
			return sumOf(m, "weir_tool_calls_total", `outcome="error"`) + sumOf(m, "weir_tool_calls_total", `outcome="panic"`)
		}},
	"calls of echo": {func(l *live.Look) float64 { return float64(toolOf(l, "echo").Calls) },
		func(m map[string]float64) float64 { return sumOf(m, "weir_tool_calls_total", `tool="echo"`) }},
	"refusals": {func(l *live.Look) float64 { return float64(sumUp(l.Refusals)) },
		func(m map[string]float64) float64 { return sumOf(m, "weir_refusals_total") }},
	"ended": {func(l *live.Look) float64 { return float64(sumUp(l.Closed)) },
		func(m map[string]float64) float64 { return sumOf(m, "weir_connections_closed_total") }},
	"accepted": {func(l *live.Look) float64 { return float64(l.Connections.Accepted) },
		func(m map[string]float64) float64 { return m["weir_connections_accepted_total"] }},
}

func toolOf(l *live.Look, name string) live.Tool {
	for _, t := range l.Tools {
		if t.Name == name {
			return t
		}
	}
	return live.Tool{}
}

func sumUp(counted []live.Counted) (n uint64) {
	for _, c := range counted {
		n += c.Total
	}
	return n
}

// TestLiveAgrees: under load every counter of a look lies between what /metrics says before and after it, and in the
// calm after it all of them are the same.
func TestLiveAgrees(t *testing.T) {
	s := startTest(t, func(c *Config) { c.Queue.MaxWaitingPerConnection, c.Queue.MaxExecutingPerConnection = 1, 1 })
	registry.AddTool(s.registry, &mcp.Tool{Name: "fail"}, func(context.Context, *mcp.CallToolRequest, struct{}) (
		*mcp.CallToolResult, any, error) {
		panic("it is what this tool is for")
	})
	stop, callers := make(chan struct{}), sync.WaitGroup{}
	end := sync.OnceFunc(func() { close(stop); callers.Wait() })
	defer end()
	for range 4 {
		callers.Go(func() { callOn(t, s, stop) })
	}
	for range 20 {
		before := samples(t, s)
		l := lookAt(t, s)
		after := samples(t, s)
		for name, c := range compared {
			if got := c.look(&l); got < c.metrics(before) || got > c.metrics(after) {
				t.Errorf("%s: the look has %v, /metrics %v before and %v after", name, got, c.metrics(before), c.metrics(after))
			}
		}
	}
	eventually(t, "something of each kind has occurred", func() bool {
		l := lookAt(t, s)
		for _, c := range compared {
			if c.look(&l) == 0 {
				return false
			}
		}
		return l.Calls.PerSecond > 0 && l.Latency[0].P95 > 0 && l.Calls.Refused > 0
	})
	end()
	eventually(t, "all are gone", func() bool { return lookAt(t, s).Connections.Open == 0 })
	m, l := samples(t, s), lookAt(t, s)
	for name, c := range compared {
		if got, want := c.look(&l), c.metrics(m); got != want {
			t.Errorf("%s: the look has %v, /metrics %v", name, got, want)
		}
	}
	for series, got := range map[string]float64{
		"weir_connections_limit": float64(l.Connections.Limit), "weir_connections_peak": float64(l.Connections.Peak),
		"weir_queue_waiting_limit_messages": float64(l.Queue.Limit),
		"weir_queue_waiting_peak_messages":  float64(l.Queue.Peak),
		`weir_workers{class="compute"}`:     float64(l.Workers[0].Alive), "weir_loops": float64(len(l.Loops)),
	} {
		if got != m[series] || got == 0 {
			t.Errorf("%s is %v, the look has %v", series, m[series], got)
		}
	}
	echo := toolOf(&l, "echo")
	if got, want := float64(echo.P95), p95(m, "weir_tool_duration_seconds", `tool="echo"`); math.Abs(got-want) > want/1e4 {
		t.Errorf("p95 of echo is %v, /metrics has %v", got, want)
	}
	// The curves hold the same calls: what each second had, times its length.
	if n := len(l.History.Seconds); n == 0 || len(l.History.Curves["calls"]) != n {
		t.Errorf("%d seconds, %d values", n, len(l.History.Curves["calls"]))
	}
}

// p95 computes from the buckets of a page.
func p95(m map[string]float64, name, label string) float64 {
	type bucket struct{ le, n float64 }
	var buckets []bucket
	for series, n := range m {
		if strings.HasPrefix(series, name+"_bucket{") && strings.Contains(series, label) {
			_, rest, _ := strings.Cut(series, `le="`)
			le, _ := strconv.ParseFloat(rest[:strings.IndexByte(rest, '"')], 64)
			buckets = append(buckets, bucket{le, n})
		}
	}
	slices.SortFunc(buckets, func(a, b bucket) int { return int(math.Copysign(1, a.le-b.le)) })
	rank, last := 0.95*buckets[len(buckets)-1].n, bucket{}
	for _, b := range buckets {
		if b.n >= rank {
			return last.le + (b.le-last.le)*(rank-last.n)/(b.n-last.n)
		}
		last = b
	}
	return math.NaN()
}

// callOn calls, fails, overfills its lane and comes anew, until stop.
func callOn(t *testing.T, s *server, stop chan struct{}) {
	for {
		conn, err := net.Dial("tcp", s.addresses["tcp"])
		if err != nil {
			t.Error(err)
			return
		}
		l := &patientLine{patientReader{conn}, nil}
		l.answers = bufio.NewReader(l.Conn)
		for range 50 {
			l.call(t, "echo", `{"message":"x"}`)
		}
		l.call(t, "fail", `{}`)
		burst := strings.Replace(fmt.Sprintf(troubleCall, "sleep"), "{}", `{"ms":1}`, 1)
		for id := range 8 { // of which six find no place
			fmt.Fprint(l, strings.Replace(burst, `"id":1`, fmt.Sprintf(`"id":%d`, id), 1))
		}
		for range 8 {
			if _, err := l.answers.ReadString('\n'); err != nil {
				t.Error(err)
			}
		}
		conn.Close()
		select {
		case <-stop:
			return
		default:
		}
	}
}

// askAs asks the admin listener with a token.
func askAs(t *testing.T, admin, token, method, path string, status int) string {
	t.Helper()
	r, err := http.NewRequest(method, "http://"+admin+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != status {
		t.Fatalf("%s %s: %s %s %v", method, path, response.Status, text, err)
	}
	return string(text)
}

// TestKick: who has a token ends a connection by its id, once, and its reason is in log, metric and page.
func TestKick(t *testing.T) {
	path, tokens := makeTokens(t, "alice")
	c := startChild(t, "--config", writeFile(t, t.TempDir(), "weir.yaml", "admin_tokens_file: "+path+"\n"))
	conn, err := net.Dial("tcp", c.addresses["tcp"])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintln(conn, `{"jsonrpc":"2.0","id":0,"method":"ping"}`)
	if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	ask := func(method, path string, status int) string {
		t.Helper()
		return askAs(t, c.addresses["admin"], tokens["alice"], method, path, status)
	}
	var list live.Roll
	if err := json.Unmarshal([]byte(ask("GET", "/connections?transport=tcp", 200)), &list); err != nil ||
		len(list.Rows) != 1 || list.Rows[0].Peer != conn.LocalAddr().String() {
		t.Fatal(list, err)
	}
	id := list.Rows[0].ID
	_, rest, _ := strings.Cut(id, "-")
	for _, none := range []string{"", "x", "1-2", rest} {
		ask("POST", "/kick?id="+url.QueryEscape(none), 400)
	}
	ask("POST", "/kick?id=abc-"+rest, 404) // of a former process
	ask("POST", "/kick?id="+id, 200)
	if n, err := conn.Read(make([]byte, 1)); err == nil {
		t.Errorf("%d bytes came", n)
	}
	if text := ask("POST", "/kick?id="+id, 404); !strings.Contains(text, `"connection_gone"`) {
		t.Error(text)
	}
	if text := ask("GET", "/metrics", 200); !strings.Contains(text, `weir_connections_closed_total{reason="kicked"} 1`) {
		t.Error("it is not counted")
	}
	var line struct{ Connection, By, Reason string }
	c.await("an operator ended a connection", &line)
	if line.Connection != id || line.By != "alice" || line.Reason != "kicked" {
		t.Errorf("%+v", line)
	}
}
