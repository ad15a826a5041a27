package main

import (
	"testing"
	"time"
)

// TestTasksOfAClient has the public client that knows the tasks of 2025-11-25 run some, as TestConformance has the
// suite judge those of 2026-07-28.
func TestTasksOfAClient(t *testing.T) {
	port := serveClients(t)
	for _, scheme := range []string{"http", "ws"} {
		t.Run(scheme, func(t *testing.T) {
			t.Log(runNode(t, time.Minute, "tasks.mjs", scheme+"://localhost:"+port+"/mcp"))
		})
	}
}
