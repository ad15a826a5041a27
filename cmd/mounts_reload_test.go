package cmd

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

// TestReloadMounts: SIGHUP brings the mounts of the file, of which the unchanged keep running, to a client that stays; a
// file with a mistake changes nothing, and the log has its line.
func TestReloadMounts(t *testing.T) {
	mount := func(name, prefix, rest string) string {
		return fmt.Sprintf("  %s: {command: %q, args: [stdio], env: {%s: \"1\"}, prefix: %q%s}\n", name, os.Args[0], asMain,
			prefix, rest)
	}
	c, file := startUpgradable(t, "mounts:\n"+mount("one", "a_", "")+mount("two", "b_", ""))
	c.await("a mount is there", nil)
	c.await("a mount is there", nil)
	call := func(tool string, want int) {
		t.Helper()
		if code, out, errs := runCall("--target=tcp://"+c.addresses["tcp"], tool, "message=hi"); code != want {
			t.Errorf("%s: exit %d, %s%s", tool, code, out, errs)
		}
	}
	call("a_echo", 0)
	call("b_echo", 0)
	reload := func(text, want string) (line struct {
		Added, Changed, Removed []string
		Error                   string
		Restart                 []string `json:"changed_keys_that_need_a_restart"`
	}) {
		t.Helper()
		rewrite(t, file, text)
		if err := c.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		c.await(want, &line)
		return line
	}
	line := reload("mounts:\n"+mount("two", "b_", ", max_in_flght: 1"),
		"configuration not reloaded, the former one holds on")
	if !strings.Contains(line.Error, file+":2:") ||
		!strings.Contains(line.Error, `did you mean "mounts.two.max_in_flight"?`) {
		t.Errorf("the log says %q", line.Error)
	}
	call("a_echo", 0)
	line = reload("# moved\nmounts:\n"+mount("two", "b_", "")+mount("three", "c_", ""), "mounts replaced")
	if fmt.Sprint(line.Added, line.Changed, line.Removed) != "[three] [] [one]" {
		t.Errorf("%+v", line)
	}
	c.await("a mount is there", nil)
	call("a_echo", 1)
	call("b_echo", 0)
	call("c_echo", 0)
	line = reload("mounts:\n"+mount("two", "x_", "")+mount("three", "c_", ""), "mounts replaced")
	if fmt.Sprint(line.Added, line.Changed, line.Removed) != "[] [two] []" {
		t.Errorf("%+v", line)
	}
	c.await("a mount is there", nil)
	call("x_echo", 0)
	line = reload("mounts:\n"+mount("two", "x_", "")+mount("three", "c_", ""), "configuration reloaded")
	if line.Restart != nil {
		t.Errorf("needs a restart: %q", line.Restart)
	}
	c.Process.Signal(syscall.SIGTERM)
	c.await("stopped", nil)
	if code := c.exitCode(); code != exitOK {
		t.Errorf("exit %d", code)
	}
}
