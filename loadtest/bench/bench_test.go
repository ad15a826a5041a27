package main

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/loadtest/client"
	"weir/loadtest/observe"
	"weir/loadtest/wire"
)

func TestMedian(t *testing.T) {
	f := func(want float64, in ...float64) {
		t.Helper()
		if got := median(in); got != want {
			t.Errorf("median(%v) = %v, want %v", in, got, want)
		}
	}
	f(0)
	f(5, 5)
	f(2, 3, 1, 2)
	f(2.5, 4, 1, 2, 3)
}

func TestSlope(t *testing.T) {
	if b, r2 := slope([]float64{1, 2, 3}, []float64{12, 14, 16}); b != 2 || r2 < 0.9999 {
		t.Errorf("a straight line: %v, %v", b, r2)
	}
	if b, r2 := slope([]float64{1, 2, 3, 4}, []float64{1, 3, 1, 3}); b < 0.39 || b > 0.41 || r2 > 0.3 {
		t.Errorf("hardly a line: %v, %v", b, r2)
	}
	if b, r2 := slope([]float64{1, 2}, []float64{7, 7}); b != 0 || r2 != 0 {
		t.Errorf("a level: %v, %v", b, r2)
	}
}

func TestNumber(t *testing.T) {
	f := func(in float64, want string) {
		t.Helper()
		if got := number(in); got != want {
			t.Errorf("number(%v) = %s, want %s", in, got, want)
		}
	}
	f(0, "0")
	f(0.0387123, "0.0387")
	f(15.349, "15.3")
	f(999.6, "1,000")
	f(1234567.8, "1,234,568")
	f(-1234, "-1,234")
	f(-123, "-123")
}

func TestReportReadsBack(t *testing.T) {
	tb := &table{Name: "x", Question: "Why?", Columns: []string{"a", "b"}}
	tb.sample("k", 3)
	tb.sample("k", 1)
	tb.row("weir", tb.text("k"))
	tb.atMost("cost", 2, 2, "us")
	tb.atLeast("rate", 1, 2, "calls/s")
	tb.note("by %s", "hand")
	if !tb.missed() {
		t.Error("1 is not at least 2")
	}
	path := filepath.Join(t.TempDir(), "r.json")
	r := &record{Commit: "abc", Runs: 2, Seconds: 3, Scale: 1, Tables: []*table{tb}}
	if err := r.write(path); err != nil {
		t.Fatal(err)
	}
	got, err := readRecord(path)
	if err != nil {
		t.Fatal(err)
	}
	var page, plain strings.Builder
	got.print(&page, true)
	got.print(&plain, false)
	for _, want := range []string{"### x", "| a | b |", "| --- | ---: |", "| weir | 2 |", "- pass: cost: 2, at most 2 us",
		"- MISSED: rate: 1, at least 2 calls/s", "- Note: by hand", "commit abc"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page lacks %q:\n%s", want, page.String())
		}
	}
	if !strings.Contains(plain.String(), "weir  2") {
		t.Errorf("plain:\n%s", plain.String())
	}
}

// The page and the plots are what make bench-docs makes of docs/benchmarks.json.
func TestRecordIsInThePage(t *testing.T) {
	const docs = "../../docs"
	r, err := readRecord(filepath.Join(docs, "benchmarks.json"))
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(docs, "BENCHMARKS.md"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := r.inPage(string(page), "plots")
	if err != nil {
		t.Fatal(err)
	}
	if want != string(page) {
		t.Error("docs/BENCHMARKS.md does not show docs/benchmarks.json: run make bench-docs")
	}
	for name, svg := range r.drawn() {
		if found, err := os.ReadFile(filepath.Join(docs, "plots", name)); err != nil || string(found) != svg {
			t.Errorf("docs/plots/%s is not drawn from docs/benchmarks.json (%v): run make bench-docs", name, err)
		}
	}
	if _, err := r.inPage("no markers", "plots"); !errors.Is(err, errNoMarkers) {
		t.Errorf("got %v", err)
	}
}

// Every plot is drawn from the samples of its benchmark, as a whole file that needs no other.
func TestPlots(t *testing.T) {
	tables := map[string]*table{}
	for _, name := range []string{"cpu-http", "cpu-tcp", "ceiling", "memory", "peers-latency", "peers-memory", "peers-overload"} {
		tables[name] = &table{Name: name}
	}
	for i, name := range append(slices.Clone(entrants), "echo-epoll") {
		tables["cpu-http"].sample(name+" cpu us", 10*float64(i+1))
		tables["cpu-tcp"].sample(name+" cpu us", 10*float64(i+1))
		tables["peers-memory"].sample(name+" bytes", 1000*float64(i+1))
		tables["peers-overload"].sample(name+" share", 0.9)
		for _, rate := range peersRates {
			for k, q := range []string{" p50 ms", " p95 ms", " p99 ms"} {
				tables["peers-latency"].sample(at(name, rate)+q, float64(k+1))
			}
		}
	}
	tables["ceiling"].sample("tcp rate", 250_000)
	tables["memory"].sample("ws bytes", 600)
	r := &record{}
	if n := len(r.drawn()); n != 0 {
		t.Errorf("%d plots of nothing", n)
	}
	for _, one := range tables {
		r.Tables = append(r.Tables, one)
	}
	drawn := r.drawn()
	if len(drawn) != len(plots) {
		t.Errorf("%d plots, want %d", len(drawn), len(plots))
	}
	for name, svg := range drawn {
		if !strings.Contains(svg, "prefers-color-scheme:dark") || strings.Contains(svg, "href") || strings.Contains(svg, "url(") || strings.Contains(svg, "NaN") ||
			strings.Contains(svg, "Inf") {
			t.Errorf("%s: %s", name, svg)
		}
		if err := xml.Unmarshal([]byte(svg), new(struct{ XMLName xml.Name })); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A record can be made in parts: what is not measured anew stays, in the order of the benchmarks, and says where it is from.
func TestReportKeeps(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.json")
	old := &record{Commit: "old", Runs: 3, Seconds: 2, Tables: []*table{{Name: "cpu-tcp"}, {Name: "storm", Notes: []string{"old"}}, {Name: "refusal"}}}
	now := &record{Commit: "new", Tables: []*table{{Name: "storm"}}}
	if err := now.keep(path); err != nil || len(now.Tables) != 1 {
		t.Errorf("nothing was there to keep: %v", err)
	}
	if err := old.write(path); err != nil {
		t.Fatal(err)
	}
	for range 2 { // what was kept once is not taken for new the second time
		if err := now.keep(path); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, one := range now.Tables {
			got = append(got, one.Name+" "+one.Recorded)
		}
		const from = " 0001-01-01, commit old, 3 runs, 2s each"
		if want := []string{"cpu-tcp" + from, "storm ", "refusal" + from}; !slices.Equal(got, want) || len(now.Tables[1].Notes) != 0 {
			t.Errorf("%q", got)
		}
		if err := now.write(path); err != nil {
			t.Fatal(err)
		}
		now = &record{Commit: "newer", Tables: []*table{now.Tables[1]}}
	}
}

func TestStepIsHeld(t *testing.T) {
	f := func(s step, want string) {
		t.Helper()
		ok, why := s.held()
		if why != want || ok != (want == "") {
			t.Errorf("%+v: %v, %q, want %q", s, ok, why, want)
		}
	}
	f(step{offered: 1000, answered: 990, p95: 149}, "")
	f(step{offered: 1000, answered: 979, p95: 149}, "answered 979 of 1,000/s")
	f(step{offered: 1000, answered: 1000, p95: 150}, "p95 150 ms")
	f(step{offered: 1000, answered: 1000, failed: 2, reasons: "queue_full: 2"}, "2 calls failed (queue_full: 2)")
	if got := (step{answered: 50_000}).microsPerCall(0.5); got != 10 {
		t.Errorf("half a core for 50,000 calls/s is %v us", got)
	}
	var before, after client.Counters
	before.Reasons, before.Failures = map[string]uint64{"queue_full": 1}, map[string]uint64{}
	after.Reasons, after.Failures, after.Refused = map[string]uint64{"queue_full": 4}, map[string]uint64{}, 4
	after.Ended[client.EndPeerReset] = 2
	if got := reasonsSince(&before, &after); got != "queue_full: 3, peer_reset: 2" || failures(&after) != 4 {
		t.Errorf("%q, %v failed", got, failures(&after))
	}
}

// An open load of a small server is measured as it was offered; a server that is gone is an error.
func TestOffer(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		_, rest, _ := strings.Cut(string(body), `"id":`)
		id, _, _ := strings.Cut(rest, ",")
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{}}`, id)
	}))
	defer s.Close()
	e := &env{config: config{loops: 1}, ctx: t.Context(), began: time.Now()}
	defer e.stopAll()
	f, err := e.open(4, func(o *client.Options) {
		o.Address, o.Transport, o.Era = s.Listener.Addr().String(), wire.HTTP, wire.Modern
	})
	if err != nil {
		t.Fatal(err)
	}
	p := observe.Attach("this", os.Getpid())
	got, err := e.offer(p, f, 200, 500*time.Millisecond)
	if err != nil || got.failed != 0 || got.answered < 100 || got.answered > 300 || got.p99 <= 0 || got.p50 > got.p99 {
		t.Errorf("%+v, %v", got, err)
	}
	e.closeFleet(f)
	if f, err = e.fleet(func(o *client.Options) { o.Address = "127.0.0.1:1" }); err != nil {
		t.Fatal(err)
	}
	if _, err := e.offer(p, f, 200, time.Second); err == nil {
		t.Error("no connection is open, and nobody says so")
	}
}

func TestBracket(t *testing.T) {
	f := func(ceiling float64) {
		t.Helper()
		tries := 0
		got, err := bracket(1000, 4, func(rate float64) (bool, error) { tries++; return rate <= ceiling, nil })
		if err != nil || got > ceiling || got < ceiling/1.045 || tries > 20 {
			t.Errorf("of %v: %v after %d steps, %v", ceiling, got, tries, err)
		}
	}
	for _, ceiling := range []float64{130, 999, 1000, 1001, 3210, 250_000} {
		f(ceiling)
	}
	if got, err := bracket(1000, 4, func(float64) (bool, error) { return false, nil }); got != 0 || err != nil {
		t.Errorf("nothing is held: %v, %v", got, err)
	}
	if got, err := bracket(1000, 4, func(float64) (bool, error) { return true, nil }); got > 2*ceilingMost || err != nil {
		t.Errorf("everything is held: %v, %v", got, err)
	}
	gone := errors.New("gone")
	if _, err := bracket(1000, 4, func(float64) (bool, error) { return false, gone }); !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
}

func TestReadWrk(t *testing.T) {
	const said = `Running 2s test @ http://127.0.0.1:1/mcp
  1 threads and 100 connections
  Latency Distribution
     50%  641.00us
     99%    3.67ms
  196139 requests in 2.01s, 58.73MB read
Requests/sec:  97822.35
Transfer/sec:     29.29MB
`
	if got, err := readWrk(said); err != nil || got != (wrkSaid{196139, 97822.35, 641}) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, text := range []string{"", said + "  Non-2xx or 3xx responses: 5\n", said + "  Socket errors: connect 0, read 1\n"} {
		if got, err := readWrk(text); err == nil {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

func TestCrosscheckWithoutWrk(t *testing.T) {
	t.Setenv("PATH", "")
	got, err := crosscheck(&env{ctx: t.Context()})
	if err != nil || len(got.Marks) != 0 || len(got.Notes) != 1 || !strings.Contains(got.Notes[0], "apt-get install wrk") {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestFamilies(t *testing.T) {
	b := benchmark{name: "peers-memory"}
	for name, want := range map[string]bool{"peers-memory": true, "peers": true, "peer": false, "memory": false} {
		if b.goesBy(name) != want {
			t.Errorf("%s means %s: %v", name, b.name, !want)
		}
	}
}

func TestScheduled(t *testing.T) {
	if d, err := scheduled(os.Getpid()); err != nil || d <= 0 {
		t.Errorf("%v, %v", d, err)
	}
	if _, err := scheduled(-1); err == nil {
		t.Error("there is no such process")
	}
}

func TestServerTellsAboutItself(t *testing.T) {
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/status":
			w.Write([]byte(`{"listeners":{"tcp":"127.0.0.1:1"},"goroutines":12,"queue":{"waiting_messages":3}}`))
		case "/metrics":
			w.Write([]byte("# HELP x\nweir_a 1\nweir_b{reason=\"write stalled\"} 2.5\n"))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer h.Close()
	s := &server{admin: h.URL}
	if st, err := s.status(); err != nil || st.Listeners["tcp"] != "127.0.0.1:1" || st.Goroutines != 12 || st.Queue.Waiting != 3 {
		t.Errorf("%+v: %v", st, err)
	}
	if m, err := s.metrics(); err != nil || m["weir_a"] != 1 || m[`weir_b{reason="write stalled"}`] != 2.5 {
		t.Errorf("%v: %v", m, err)
	}
	if _, err := s.get("/other"); err == nil {
		t.Error("404 is no answer")
	}
}
