package observe

import (
	"context"
	"strings"
	"testing"
	"time"

	"weir/loadtest/internal/fixture"
)

func TestProcess(t *testing.T) {
	p, err := StartProcess(fixture.Within(t), "shell", []string{"sh", "-c",
		"echo noise; echo ready; exec cat /dev/zero >/dev/null"},
		func(line string) bool { return line == "ready" })
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop(0)
	for begin := time.Now(); ; { // it is busy, so its time must show soon
		cpu, err := p.CPU()
		if err != nil {
			t.Fatal(err)
		}
		if cpu > 0 {
			break
		}
		if time.Since(begin) > 10*time.Second {
			t.Fatal("no CPU time in 10 s")
		}
	}
	if err := p.ResetPeak(); err != nil {
		t.Error(err)
	}
	m, err := p.Memory()
	if err != nil || m.ResidentBytes <= 0 || m.PeakBytes <= 0 || m.Threads != 1 {
		t.Errorf("%+v: %v", m, err)
	}
	if n, err := p.Files(); err != nil || n < 3 {
		t.Errorf("%d files: %v", n, err)
	}
	if !p.Alive() || p.Output() != "noise\nready" {
		t.Errorf("alive %v, output %q", p.Alive(), p.Output())
	}
	p.Stop(5 * time.Second)
	if p.Alive() {
		t.Error("still alive")
	}
}

func TestProcessThatFails(t *testing.T) {
	_, err := StartProcess(fixture.Within(t), "shell", []string{"sh", "-c", "echo why >&2; exit 3"},
		func(string) bool { return false })
	if err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "why") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := StartProcess(ctx, "cat", []string{"cat"}, func(string) bool { return false }); err == nil {
		t.Error("a program that never gets ready was waited for")
	}
	if _, err := StartProcess(ctx, "none", []string{"/nonexistent"}, nil); err == nil {
		t.Error("a program that does not exist was started")
	}
}
