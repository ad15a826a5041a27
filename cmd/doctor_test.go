package cmd

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"weir/cmd/doctor"
	"weir/cmd/exposition"
)

const (
	sysctlPage  = repository + "/docs/SYSCTL.md"
	sysctlFile  = repository + "/docs/deploy/99-weir.conf"
	settingsEnd = "\n## What does nothing here\n"
)

// TestDocsSysctl makes the table and the chapters of docs/SYSCTL.md, and docs/deploy/99-weir.conf, from the settings of
// package doctor, and fails when what is committed says something else.
func TestDocsSysctl(t *testing.T) {
	text, err := os.ReadFile(sysctlPage)
	if err != nil {
		t.Fatal(err)
	}
	const begin = "\n## The settings\n"
	head, rest, ok := strings.Cut(string(text), begin)
	_, tail, ends := strings.Cut(rest, settingsEnd)
	if !ok || !ends {
		t.Fatalf("%s has no %q, or no %q behind it", sysctlPage, begin, settingsEnd)
	}
	page := head + begin + "\n" + doctor.Page() + settingsEnd + tail
	file := doctor.SysctlFile(100_000)
	if *update {
		if err := os.WriteFile(sysctlPage, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(sysctlFile, []byte(file), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if page != string(text) {
		t.Error("docs/SYSCTL.md is stale: run make docs")
	}
	if committed, err := os.ReadFile(sysctlFile); err != nil || string(committed) != file {
		t.Errorf("docs/deploy/99-weir.conf is stale: run make docs (%v)", err)
	}
}

// TestDocsSysctlNames: every series, key and log line that the page names is one of Weir's.
func TestDocsSysctlNames(t *testing.T) {
	text, err := os.ReadFile(sysctlPage)
	if err != nil {
		t.Fatal(err)
	}
	series := map[string]bool{}
	for _, section := range exposition.Sections {
		for _, family := range section.Families {
			series[family.Name] = true
		}
	}
	process, err := os.ReadFile(repository + "/cmd/exposition/process.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range regexp.MustCompile(`\b(?:weir|process|go)_\w+`).FindAllString(string(text), -1) {
		if !series[name] && !strings.Contains(string(process), "\""+name+"\"") {
			t.Errorf("the page names the series %s, which is none", name)
		}
	}
	config := plain.defaults()
	keys := goNames(&config)
	known := map[string]bool{}
	for _, key := range keys {
		known[key] = true
	}
	keyLike := regexp.MustCompile("`((?:max|send|peer|on|write)_[a-z_]+)(?:: [^`]*)?`")
	for _, found := range keyLike.FindAllStringSubmatch(string(text), -1) {
		if !known[found[1]] {
			t.Errorf("the page names the key %s, which is none", found[1])
		}
	}
	for line, file := range map[string]string{
		"out of file descriptors": "accept.go", "cannot watch a new connection": "accept.go",
	} {
		code, err := os.ReadFile(filepath.Join(repository, "reactor/loop", file))
		if err != nil || !strings.Contains(string(code), line) || !strings.Contains(string(text), "`"+line+"`") {
			t.Errorf("the log line %q: in %s and on the page? %v", line, file, err)
		}
	}
}

// TestDoctorOnThisMachine: what fits is what RLIMIT_NOFILE allows, and the exit code says it.
func TestDoctorOnThisMachine(t *testing.T) {
	f := func(n int, fits bool) {
		t.Helper()
		var out, errs strings.Builder
		code := run([]string{"doctor", "--json", "--connections", fmt.Sprint(n)}, &out, &errs)
		var report doctor.Report
		if err := json.Unmarshal([]byte(out.String()), &report); err != nil {
			t.Fatalf("%v: %s %s", err, &out, &errs)
		}
		if report.Fits != fits || (code == exitOK) != fits || code == exitUsage || report.Connections != n {
			t.Errorf("%d connections: exit code %d, %v", n, code, report.Musts())
		}
		if !fits && !strings.HasPrefix(strings.Join(report.Musts(), "\n"), "RLIMIT_NOFILE: ") {
			t.Errorf("%d connections: %q, and the descriptors are not named", n, report.Musts())
		}
	}
	f(100, true)
	f(int(openFileLimit()), false) // none is left for the log
}

func TestDoctor(t *testing.T) {
	f := func(code int, want string, args ...string) {
		t.Helper()
		var out, errs strings.Builder
		got := run(append([]string{"doctor"}, args...), &out, &errs)
		if got != code || !strings.Contains(out.String()+errs.String(), want) {
			t.Errorf("doctor %q: exit code %d, no %q in\n%s%s", args, got, want, &out, &errs)
		}
	}
	file := filepath.Join(t.TempDir(), "weir.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f(exitUsage, "--connections: -1: allowed is 1 or more", "--connections=-1")
	f(exitUsage, "unexpected argument", "now")
	f(exitUsage, "no such file", "--config", filepath.Join(t.TempDir(), "none.yaml"))
	write("max_conections: 5\n")
	f(exitUsage, "max_conections", "--config", file)
	write("max_connections: 700\nbacklog: 700\npeer_timeout: 0s\n")
	f(exitOK, "\n700 connections fit.\n", "--config", file)
	f(exitOK, "600 s or less", "--config", file)
	// serve refuses this file here; what mends it is what doctor is asked for.
	write(fmt.Sprintf("max_connections: %d\n", openFileLimit()))
	f(exitRuntime, "LimitNOFILE=", "--config", file)
}

// TestServeSaysWhatFallsShort: one line at the start, a warning if what falls short is a must.
func TestServeSaysWhatFallsShort(t *testing.T) {
	f := func(connections int, want ...string) {
		t.Helper()
		var out strings.Builder
		config := plain.defaults()
		config.Queue.MaxConnections, config.Log.Format = connections, "json"
		log := newJournal(config.Log, &out)
		(&server{config: &config, log: log}).sayMachine()
		log.flush()
		if n := strings.Count(out.String(), "\n"); n > 1 || n == 0 && len(want) > 0 {
			t.Errorf("%d lines: %s", n, &out)
		}
		for _, part := range want {
			if !strings.Contains(out.String(), part) {
				t.Errorf("no %s in %s", part, &out)
			}
		}
		if len(want) == 0 && strings.Contains(out.String(), `"warn"`) {
			t.Error("a warning for ", connections, " connections: ", &out)
		}
	}
	f(100)
	f(int(openFileLimit()), `"level":"warn"`, `"must":["RLIMIT_NOFILE: `, `"advice":["`,
		`"message":"max_connections do not fit`)
}

// TestDoctorThatCannotWrite fails as a run that did not happen, and not as a machine that is good.
func TestDoctorThatCannotWrite(t *testing.T) {
	reader, writer := io.Pipe()
	reader.Close()
	for _, args := range [][]string{{"doctor", "--connections=1"}, {"doctor", "--connections=1", "--json"}} {
		if code := run(args, writer, io.Discard); code != exitRuntime {
			t.Errorf("%q: exit code %d", args, code)
		}
	}
}
