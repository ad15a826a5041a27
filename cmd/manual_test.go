package cmd

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weir/cmd/needs"
)

// TestManualPage has every command and every flag that --help has.
func TestManualPage(t *testing.T) {
	var page, help strings.Builder
	if code := run([]string{"man"}, &page, &page); code != exitOK {
		t.Fatal(code, &page)
	}
	plainPage := strings.ReplaceAll(page.String(), `\-`, "-")
	for _, command := range []string{"serve", "stdio", "load run", "load compare", "token", "doctor", "check", "import",
		"call", "man", "completion", "version"} {
		help.Reset()
		run(append(strings.Fields(command), "--help"), &help, &help)
		if !strings.Contains(plainPage, "\n.SS weir "+command+"\n") {
			t.Errorf("the page has no %s", command)
		}
		for _, word := range strings.Fields(help.String()) {
			if flag, _, _ := strings.Cut(strings.Trim(word, "[].,"), "="); strings.HasPrefix(flag, "--") && flag != "--help" &&
				!strings.Contains(plainPage, flag) {
				t.Errorf("the page has no %s of %s", flag, command)
			}
		}
	}
}

// TestCompletionInBash asks bash, as it asks when somebody presses the tabulator.
func TestCompletionInBash(t *testing.T) {
	needs.Programs(t, "the completion was not tried", "bash")
	file := filepath.Join(t.TempDir(), "weir.bash")
	var script strings.Builder
	if code := run([]string{"completion", "bash"}, &script, &script); code != exitOK {
		t.Fatal(code, &script)
	}
	if err := os.WriteFile(file, []byte(script.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(line string, want ...string) {
		t.Helper()
		words := strings.Split(line, " ")
		quoted := "'" + strings.Join(words, "' '") + "'"
		out, err := exec.Command("bash", "-c", fmt.Sprintf("source %s; COMP_WORDS=(%s); COMP_CWORD=%d; _weir; "+
			`printf '%%s\n' "${COMPREPLY[@]}"`, file, quoted, len(words)-1)).CombinedOutput()
		if got := strings.Fields(string(out)); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, got %q, want %q", line, err, got, want)
		}
	}
	f("weir se", "serve")
	f("weir l", "load")
	f("weir load r", "run")
	f("weir load run --ta", "--target")
	f("weir serve --config x --max", "--max-connections")
	f("weir completion b", "bash")
	f("weir serve --config "+file[:len(file)-3], file)
	f("weir serve nothing")
}

// TestUnitIsHardened: docs/deploy/weir.service is a unit that systemd takes, exposed 1.5 at most. It is not
// MemoryDenyWriteExecute, which ends the process at its start.
func TestUnitIsHardened(t *testing.T) {
	needs.Programs(t, "the unit was not judged", "systemd-analyze")
	unit := filepath.Join(repository, "docs/deploy/weir.service")
	// A copy that runs a program that is there: verify looks for it.
	text, err := os.ReadFile(unit)
	if err != nil {
		t.Fatal(err)
	}
	unit = filepath.Join(t.TempDir(), "weir.service")
	mended := strings.NewReplacer("/usr/bin/weir", os.Args[0], "Documentation=man:weir(1)\n", "").Replace(string(text))
	if err := os.WriteFile(unit, []byte(mended), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("systemd-analyze", "verify", "--man=no", unit).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("verify: %v\n%s", err, out)
	}
	out, err = exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=15", "--no-pager",
		unit).CombinedOutput()
	if err != nil {
		t.Errorf("security: %v\n%s", err, out)
	}
}
