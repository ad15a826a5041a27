package cmd

import (
	"strings"
	"testing"
)

func TestFlags(t *testing.T) {
	f := func(args string, code int, wantOut, wantErr string) {
		t.Helper()
		var out, errs strings.Builder
		got := run(strings.Fields(args), &out, &errs)
		if got != code || !strings.Contains(out.String(), wantOut) || !strings.Contains(errs.String(), wantErr) {
			t.Errorf("weir %s: got %d\nout: %s\nerr: %s", args, got, &out, &errs)
		}
	}
	f("version", exitOK, "weir dev (commit ", "")
	f("--help", exitOK, "Exit codes: 0 stopped as asked", "")
	f("", exitUsage, "", `expected one of "serve", "stdio", "load", "token", "doctor", ...`)
	f("swerve", exitUsage, "", "unexpected argument swerve")
	f("completion", exitUsage, "", `expected "<bash|zsh|fish>"`)
	f("completion csh", exitUsage, "", "must be one of")
	f("serve extra", exitUsage, "", "unexpected argument extra")
	f("serve --wrokers 3", exitUsage, "", `did you mean "--workers"`)
	f("serve --workers x", exitUsage, "", "--workers: expected a valid 64 bit int")
	f("serve --wrokers 3", exitUsage, "", `Run "weir serve --help" for`)
	f("load compare --help", exitOK, "Exit codes: 0 nothing is worse", "")
	f("load run", exitUsage, "", `Run "weir load run --help" for`)
	f("load --rat 3 baseline", exitUsage, "", `Run "weir load --help" for`)
	f("token", exitUsage, "", `Run "weir token --help" for`)
	f("swerve", exitUsage, "", `Run "weir --help" for`)
	f("load flush", exitUsage, "", "no such scenario")
	f("serve --http 127.0.0.1:99999", exitUsage, "", "--http: \"127.0.0.1:99999\" has no port from 0 to 65535 behind its last colon")
	f("serve --http nonsense --loops=-2", exitUsage, "", "--http: \"nonsense\" is not an address")
	f("serve --http nonsense --loops=-2", exitUsage, "",
		"--loops: -2 is below 0: allowed is 0 (one per core) to 256 loops")
	f("serve --config /no/such/file", exitUsage, "", "--config: open /no/such/file: no such file or directory")
	f("serve --check-config --demo=false --workers 3 --unix /run/w.sock", exitOK, "\nunix: /run/w.sock\n", "")
	f("serve --check-config --demo=false", exitOK, "\ndemo: false\n", "")
	f("serve --check-config --workers 3", exitOK, "\nworkers: 3\n", "")
	f("serve --http= --tcp= --unix=", exitUsage, "", "every listener is off")
	f("stdio --check-config", exitOK, "\nmax_connections: 2\n", "")
	f("stdio --http 127.0.0.1:0", exitUsage, "", "unknown flag --http")
	f("stdio --help", exitOK, `{"mcpServers": {"weir": {"command": "/usr/local/bin/weir", "args": ["stdio",`, "")
}

func TestFlagsSwitchOff(t *testing.T) {
	var out, errs strings.Builder
	if code := run([]string{"serve", "--http", "", "--admin=", "--check-config"}, &out, &errs); code != exitOK {
		t.Fatalf("got %d: %s", code, &errs)
	}
	for _, want := range []string{"http: \"\"\n", "admin: \"\"\n", "tcp: 127.0.0.1:7777\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, &out)
		}
	}
}

// TestFlagsHelp: the help is enough to work from: every flag with its default and unit, an example, the exit codes.
func TestFlagsHelp(t *testing.T) {
	var out, errs strings.Builder
	if code := run([]string{"serve", "--help"}, &out, &errs); code != exitOK {
		t.Fatalf("got %d: %s", code, &errs)
	}
	help := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{
		"--config=FILE", "--check-config", "--http=ADDR", "--tcp=ADDR", "--unix=PATH", "--admin=ADDR", "--loops=N",
		"--workers=N",
		"--max-connections=N", "--demo", "127.0.0.1:8080", "127.0.0.1:7777", "127.0.0.1:9090", "one per core",
		"0.9 x open-file limit - 256", "weir serve --http 127.0.0.1:0", "Exit codes: 0 stopped as asked",
	} {
		if !strings.Contains(help, want) {
			t.Errorf("no %q in:\n%s", want, &out)
		}
	}
}
