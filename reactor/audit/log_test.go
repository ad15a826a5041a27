package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"weir/registry/call"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 29, 12, 0, 0, 1500, time.UTC)

func span(id string) *call.Span {
	return &call.Span{Began: noon, Ended: noon.Add(1500 * time.Microsecond), Request: id, Method: "tools/call",
		Kind: call.TargetTool, Target: "echo", Known: true, Outcome: "ok"}
}

func open(t *testing.T, file string) (*Log, *metrics.Set) {
	t.Helper()
	set := metrics.NewSet()
	l, err := Open(Options{File: file}, nil, set)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(20 * time.Second) })
	return l, set
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestLine: what a line says, and that nobody can forge one.
func TestLine(t *testing.T) {
	var out bytes.Buffer
	l, err := Open(Options{File: Standard}, &out, metrics.NewSet())
	if err != nil {
		t.Fatal(err)
	}
	full := span(`"a"`)
	full.Principal, full.Peer, full.Listener = "alice", netip.MustParseAddr("192.0.2.1"), "http"
	full.Session, full.Revision = "0011", "2025-11-25"
	full.Target, full.Outcome, full.Code, full.Reason = "e\"\n}{", "error", -32603, "handler_timeout"
	full.TraceID, full.SpanID = [16]byte{0x11}, [8]byte{0x22}
	l.Ended(full)
	ping := span("2")
	ping.Method = "ping"
	l.Ended(ping)
	l.Ended(span("3"))
	l.Close(20 * time.Second)
	want := `{"time":"2026-11-29T12:00:00.000001Z","principal":"alice","peer":"192.0.2.1","listener":"http",` +
		`"session":"0011","method":"tools/call","tool":"e\"\n}{","id":"a","revision":"2025-11-25","outcome":"error",` +
		`"code":-32603,"reason":"handler_timeout","ms":1.500,"trace":"11000000000000000000000000000000"}` + "\n" +
		`{"time":"2026-11-29T12:00:00.000001Z","method":"tools/call","tool":"echo","id":3,"outcome":"ok","ms":1.500}` + "\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &out, want)
	}
	for line := range strings.Lines(out.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("no JSON: %s", line)
		}
	}
}

// TestRotate: after logrotate has moved the file away and sent its signal, lines go into a new one, and none is lost,
// though others write all the while.
func TestRotate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.log")
	l, _ := open(t, file)
	const lines, turns = 2000, 20
	var writers sync.WaitGroup
	writers.Go(func() {
		for i := range lines {
			l.Ended(span(fmt.Sprint(i)))
		}
	})
	for i := range turns {
		if err := os.Rename(file, fmt.Sprint(file, ".", i)); err != nil {
			t.Fatal(err)
		}
		if err := l.Reopen(); err != nil {
			t.Fatal(err)
		}
	}
	writers.Wait()
	l.Ended(span("last"))
	l.Close(20 * time.Second)
	all := read(t, file)
	if !strings.Contains(all, `"id":last`) {
		t.Errorf("the last line is not in the new file: %.200q", all)
	}
	for i := range turns {
		all += read(t, fmt.Sprint(file, ".", i))
	}
	for i := range lines {
		if n := strings.Count(all, fmt.Sprintf(`"id":%d,`, i)); n != 1 {
			t.Fatalf("line %d is there %d times", i, n)
		}
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// TestReopenFails: with a name that cannot be opened lines go on into the file that is open.
func TestReopenFails(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "logs")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	l, _ := open(t, filepath.Join(folder, "audit.log"))
	if err := os.Rename(folder, folder+".away"); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err == nil || !strings.Contains(err.Error(), "open the audit log") {
		t.Errorf("got %v", err)
	}
	l.Ended(span("1"))
	l.Close(20 * time.Second)
	if !strings.Contains(read(t, filepath.Join(folder+".away", "audit.log")), `"id":1,`) {
		t.Error("the line is lost")
	}
}

// TestSlowDisk: a file that takes nothing costs lines, which are counted and said, and holds up nobody: neither who
// ends a request, nor SIGHUP, nor the end. The file is a pipe that nobody reads.
func TestSlowDisk(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(file, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{File: file}, nil, metrics.NewSet()); err == nil {
		t.Error("a pipe without a reader is waited for")
	}
	reader, err := os.OpenFile(file, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	l, set := open(t, file)
	const lines = 50000
	began := time.Now()
	for i := range lines {
		l.Ended(span(fmt.Sprint(i)))
	}
	lost := l.lines.Lost().Full
	if lost == 0 || lost >= lines {
		t.Fatalf("%d of %d lines were lost", lost, lines)
	}
	l.Close(time.Millisecond)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	var text bytes.Buffer
	set.WritePrometheus(&text)
	if want := fmt.Sprintf("weir_audit_lines_lost_total{reason=\"buffer_full\"} %d\n", lost); !strings.Contains(
		text.String(), want) {
		t.Errorf("%s misses %s", &text, want)
	}
	got := make([]byte, 0, 4<<20) // somebody reads again: what waited comes, and how many lines are missing
	for want := fmt.Sprintf(`"lost":%d,`, lost); !strings.Contains(string(got), want); {
		_ = reader.SetReadDeadline(time.Now().Add(20 * time.Second))
		n, err := reader.Read(got[len(got):cap(got)])
		if got = got[:len(got)+n]; err != nil {
			t.Fatalf("%v after %d bytes, without %s", err, len(got), want)
		}
	}
}

// TestOffCostsNothing: a log that is off, or none, does nothing and allocates nothing; one that is on, next to it.
func TestOffCostsNothing(t *testing.T) {
	var none *Log
	off, _ := open(t, "")
	s := span("1")
	allocated := testing.AllocsPerRun(100, func() {
		none.Ended(s)
		off.Ended(s)
	})
	if allocated != 0 || none.On() || off.On() || off.Reopen() != nil {
		t.Errorf("%v allocations", allocated)
	}
	none.Close(0)
}

func TestValidate(t *testing.T) {
	for file, ok := range map[string]bool{"": true, "-": true, "/var/log/weir/audit.log": true, "audit.log": false} {
		o := Options{File: file}
		if errs := o.Validate(); (errs == nil) != ok {
			t.Errorf("%q: %v", file, errs)
		}
	}
}

// BenchmarkLine is what a line costs who answers: to make it, without its copy for the disk, and with that.
func BenchmarkLine(b *testing.B) {
	s := span("1234")
	s.Principal, s.Peer, s.Listener, s.Revision = "alice", netip.MustParseAddr("192.0.2.1"), "http", "2026-07-28"
	b.Run("made", func(b *testing.B) {
		var line []byte
		b.ReportAllocs()
		for b.Loop() {
			line = appendLine(line[:0], s)
		}
	})
	b.Run("written", func(b *testing.B) {
		l, err := Open(Options{File: Standard}, io.Discard, metrics.NewSet())
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			l.Ended(s)
		}
		l.Close(time.Minute)
	})
}
