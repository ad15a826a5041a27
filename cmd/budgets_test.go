package cmd

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"weir/cmd/memory"
	"weir/codec/option"
)

// on is the configuration of a machine with so much memory, and what is wrong with it.
func on(t *testing.T, limit int64, text string) (Config, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	here := machine{files: 1 << 20, memory: memory.Limit{Bytes: limit, Source: "/limit"}}
	return plain.loadConfig(&serveFlags{Config: file}, here)
}

// heldBytes is what all byte budgets together let the process hold.
func heldBytes(c *Config) (sum int64) {
	option.Walk(c, func(f option.Field) {
		if _, has := shares[f.Key]; has && strings.HasSuffix(f.Key, "_bytes") {
			sum += f.Value.Int()
		}
	})
	return sum
}

// TestBudgetsFit: the defaults fit into the memory that the process may have, whatever that is, and are usable.
func TestBudgetsFit(t *testing.T) {
	for limit := smallest; limit <= 2<<30; limit += limit / 16 {
		c, err := on(t, limit, "")
		if err != nil {
			t.Fatalf("%d MiB: %v", limit>>20, err)
		}
		// Beside what the process needs for itself, and what idle connections take.
		connections := int64(c.Queue.MaxConnections) * connectionBytes / 8
		if limit >= 64<<20 && limit < designedFor && heldBytes(&c)+connections > limit-fixedBytes/2 {
			t.Errorf("%d MiB: the budgets allow %d MiB", limit>>20, heldBytes(&c)>>20)
		}
		if limit >= 36<<20 && c.MemoryLimitBytes > limit-limit/10 {
			t.Errorf("%d MiB: the collector may use %d MiB", limit>>20, c.MemoryLimitBytes>>20)
		}
		if c.Queue.SoftConnections > c.Queue.MaxConnections {
			t.Errorf("%d MiB: %d, %d", limit>>20, c.Queue.SoftConnections, c.Queue.MaxConnections)
		}
		if limit >= designedFor && len(c.budgets.shrunk) > 0 {
			t.Errorf("%d MiB: %v", limit>>20, c.budgets.shrunk)
		}
	}
}

// TestBudgetsOf: a container of 64 MiB, the defaults without a limit, and keys that somebody has set.
func TestBudgetsOf(t *testing.T) {
	c, err := on(t, 64<<20, "")
	if err != nil || c.Queue.MaxQueueBytes != 128<<20/15 || c.Server.MaxInputTotalBytes != 64<<20/15 ||
		c.MemoryLimitBytes != 48<<20 || c.Queue.MaxConnections != 2048 || c.Queue.SoftConnections != 1536 ||
		c.Queue.MaxBlockingWorkers != 273 || c.budgets.beyond {
		t.Errorf("%+v, %v", c.budgets, err)
	}
	for _, limit := range []int64{0, 512 << 20, 64 << 30} {
		c, err := on(t, limit, "")
		if err != nil || c.Queue.MaxQueueBytes != 128<<20 || c.MemoryLimitBytes != 448<<20 ||
			c.Queue.MaxConnections != 943462 {
			t.Errorf("%d: %+v, %d, %v", limit, c.budgets, c.Queue.MaxConnections, err)
		}
	}
	// Keys that are set win, also where they say what the default says, and even if that cannot go well.
	c, err = on(t, 64<<20, "max_queue_bytes: 128 MiB\nmax_connections: 50000\nmcp:\n  max_sessions: 100000\n")
	if err != nil || c.Queue.MaxQueueBytes != 128<<20 || c.Queue.MaxConnections != 50000 || c.MCP.MaxSessions != 100_000 ||
		c.Server.MaxInputTotalBytes != 64<<20/15 || c.MemoryLimitBytes < 128<<20 || !c.budgets.beyond {
		t.Errorf("%+v, %v", c.budgets, err)
	}
	c, err = on(t, 64<<20, "memory_limit_bytes: 40 MiB\n")
	if err != nil || c.MemoryLimitBytes != 40<<20 || c.budgets.beyond {
		t.Errorf("%+v, %v", c.budgets, err)
	}
	c, err = on(t, 64<<20, "memory_limit_bytes: 400 MiB\n")
	if err != nil || c.MemoryLimitBytes != 400<<20 || !c.budgets.beyond {
		t.Errorf("%+v, %v", c.budgets, err)
	}
	own := plain
	own.Defaults = func(c *Config) { c.Queue.MaxQueueBytes = 64 << 20 }
	c, err = own.loadConfig(&serveFlags{}, machine{1 << 20, memory.Limit{Bytes: 128 << 20}})
	if err != nil || c.Queue.MaxQueueBytes != 64<<20 || c.Server.MaxInputTotalBytes >= 64<<20 {
		t.Errorf("%+v, %v", c.budgets, err)
	}
}

// TestBudgetsAreSaid: one line at the start, and a second if it cannot go well.
func TestBudgetsAreSaid(t *testing.T) {
	f := func(limit int64, text string, want ...string) {
		t.Helper()
		c, err := on(t, limit, text)
		if err != nil {
			t.Fatal(err)
		}
		var said strings.Builder
		s := &server{config: &c, log: newJournal(LogConfig{Level: "info", Format: "json"}, &said)}
		s.sayMemory()
		s.log.flush()
		lines := strings.Split(strings.TrimSuffix(said.String(), "\n"), "\n")
		if said.Len() == 0 {
			lines = nil
		}
		if len(lines) != len(want) {
			t.Fatalf("%d: %q", limit, lines)
		}
		for i, line := range lines {
			if !json.Valid([]byte(line)) || !strings.Contains(line, want[i]) {
				t.Errorf("%d: %s has no %s", limit, line, want[i])
			}
		}
	}
	f(0, "")
	f(1<<30, "")
	f(64<<20, "", `"limit_bytes":67108864,"limit":"/limit","defaults":{`)
	f(64<<20, "max_queue_bytes: 1 GiB\n", `"max_input_total_bytes":4473924`, "it may be killed")
}

// TestBudgetsAreComplete: every key that bounds what all clients together may hold shrinks.
func TestBudgetsAreComplete(t *testing.T) {
	config := plain.defaults()
	known := map[string]bool{}
	inAll := regexp.MustCompile(`(^|[._])(queue|total|ask|client_request|subscription)_bytes$`)
	option.Walk(&config, func(f option.Field) {
		known[f.Key] = true
		if _, has := shares[f.Key]; !has && inAll.MatchString(f.Key) {
			t.Errorf("%s has no share of a small memory", f.Key)
		}
	})
	for key := range shares {
		if !known[key] {
			t.Errorf("there is no key %s", key)
		}
	}
}
