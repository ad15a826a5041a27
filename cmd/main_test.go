package cmd

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"weir/registry"
)

// TestProgram: what somebody's program says of itself, and what it has where nobody says otherwise.
func TestProgram(t *testing.T) {
	p := Program{Name: "mine", Version: "2.1",
		Offer:    func(*registry.Registry) error { return errors.New("no tools today") },
		Defaults: func(c *Config) { c.Server.TCP, c.MCP.Title = "", "Mine" }}
	var out, errs strings.Builder
	run := func(args ...string) int {
		out.Reset()
		errs.Reset()
		return p.run(args, os.Stdin, &out, &errs)
	}
	if code := run("serve", "--check-config"); code != exitOK {
		t.Errorf("exit %d: %s", code, &errs)
	}
	for _, want := range []string{"tcp: \"\"\n", "demo: false\n", "  name: mine\n", "  title: Mine\n",
		"  version: \"2.1\"\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in its configuration:\n%s", want, &out)
		}
	}
	p.Description = "Mine does what I want."
	if code := run("--help"); code != exitOK || !strings.Contains(out.String(), p.Description) {
		t.Errorf("exit %d: %s%s", code, &out, &errs)
	}
	if code := run("man"); code != exitOK || !strings.Contains(out.String(), strings.TrimSuffix(p.Description, ".")) {
		t.Errorf("exit %d: %s%s", code, &out, &errs)
	}
	if code := run("serve", "--demo", "--check-config"); code != exitOK ||
		!strings.Contains(out.String(), "demo: true\n") {
		t.Errorf("exit %d: %s", code, &errs)
	}
	if code := run("serve", "--http", "127.0.0.1:0", "--admin", ""); code != exitRuntime ||
		!strings.Contains(errs.String(), "no tools today") {
		t.Errorf("with an Offer that fails: exit %d: %s", code, &errs)
	}
	if code := (Program{Version: "3"}).run([]string{"version"}, os.Stdin, &out, io.Discard); code != exitOK ||
		!strings.Contains(out.String(), ".test 3 (commit") {
		t.Errorf("without a name: exit %d: %s", code, &out)
	}
	// Nobody ships dev by accident. A test's binary records no version.
	errs.Reset()
	if code := (Program{}).run([]string{"serve"}, os.Stdin, io.Discard, &errs); code != exitUsage ||
		!strings.Contains(errs.String(), "set Version of cmd.Program") {
		t.Errorf("without a version: exit %d: %s", code, &errs)
	}
}
