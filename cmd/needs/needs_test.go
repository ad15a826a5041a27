package needs

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestNothingIsSkippedInSilence: a test that misses its program is skipped and written down; in CI it fails. The test
// runs itself, with a PATH that leads nowhere.
func TestNothingIsSkippedInSilence(t *testing.T) {
	if os.Getenv("WEIR_TEST_INNER") != "" {
		Programs(t, "nothing was tried", "curl", "nc")
		return
	}
	f := func(ci, want, written string, fails bool) {
		t.Helper()
		file := filepath.Join(t.TempDir(), "skipped")
		inner := exec.Command(os.Args[0], "-test.run", t.Name(), "-test.v")
		inner.Env = []string{"WEIR_TEST_INNER=1", "WEIR_SKIPPED=" + file, "PATH=/nowhere", "WEIR_CI=" + ci}
		out, err := inner.CombinedOutput()
		if !strings.Contains(string(out), want) || (err != nil) != fails {
			t.Errorf("%v, no %q in\n%s", err, want, out)
		}
		if text, _ := os.ReadFile(file); string(text) != written {
			t.Errorf("written down is %q, want %q", text, written)
		}
	}
	const why = "curl is not installed (Debian: curl): nothing was tried"
	f("", why, t.Name()+" curl\n", false)
	f("1", why, "", true)
}

// TestSlow: what takes minutes says who runs it, and make slow does.
func TestSlow(t *testing.T) {
	f := func(slow, want string) {
		t.Helper()
		t.Run("", func(t *testing.T) {
			t.Setenv("WEIR_SLOW", slow)
			got := "skipped"
			defer func() {
				if got != want {
					t.Errorf("WEIR_SLOW=%q: it %s, want %s", slow, got, want)
				}
			}()
			Slow(t)
			got = "ran"
		})
	}
	f("", "skipped")
	f("1", "ran")
}

// TestOneLineAtTheEnd: make test ends with a line that says what was skipped and how to have it, also if a test fails.
// So does make slow.
func TestOneLineAtTheEnd(t *testing.T) {
	Programs(t, "the Makefile was not tried", "make")
	target, tested := "test", "test -timeout 15m ./..."
	t.Setenv("WEIR_SLOW", "")
	f := func(code, want string, lines ...string) {
		t.Helper()
		folder := t.TempDir()
		script := "#!/bin/sh\n[ $1 = test ] || exit 0\n" // of what make runs, only go test
		for _, line := range lines {
			script += "echo " + line + " >> $WEIR_SKIPPED\n"
		}
		goCommand := filepath.Join(folder, "go")
		if err := os.WriteFile(goCommand, []byte(script+"echo \"$*\" $WEIR_SLOW\nexit "+code+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		run := exec.Command("make", "--no-print-directory", "-C", "../..", target, "GO="+goCommand, "MODULES=. cmd")
		out, err := run.Output()
		if (err != nil) != (code != "0") {
			t.Error(err)
		}
		if !strings.HasSuffix(string(out), tested+"\n"+want) {
			t.Errorf("it ends with %q, want %q", out, want)
		}
	}
	f("0", "")
	f("0", "Skipped for want of programs: TestA, TestB. To run them too: apt-get install npm\n", "TestB npm", "TestA npm")
	f("1", "Skipped for want of programs: TestA, TestB/x. To run them too: apt-get install curl npm\n",
		"TestB/x npm", "TestA curl")
	target, tested = "slow", "test -count=1 -timeout 90m ./... 1"
	f("0", "")
	f("1", "Skipped for want of programs: TestA. To run them too: apt-get install npm\n", "TestA npm")
}
