package cmd

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"testing"

	"weir/cmd/memory"
	"weir/codec/option"
)

// presetConfig is the configuration of a file with flags, on a machine.
func presetConfig(t *testing.T, text string, flags *serveFlags, on machine) (Config, error) {
	t.Helper()
	if text != "" {
		flags.Config = writeFile(t, t.TempDir(), "weir.yaml", text)
	}
	return plain.loadConfig(flags, on)
}

// TestPreset: a preset sets its keys, and what file or flags set wins.
func TestPreset(t *testing.T) {
	large := machine{files: 1 << 20}
	f := func(text string, flags serveFlags, want map[string]string) {
		t.Helper()
		config, err := presetConfig(t, text, &flags, large)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		option.Walk(&config, func(f option.Field) { got[f.Key] = f.String() })
		for key, value := range want {
			if got[key] != value {
				t.Errorf("%q: %s is %s, want %s", text, key, got[key], value)
			}
		}
	}
	for i, name := range presets.names {
		want := map[string]string{}
		for _, row := range presets.rows {
			want[row.key] = row.values[i]
		}
		f("preset: "+name, serveFlags{}, want)
		f("", serveFlags{Preset: &name}, want)
	}
	safe, many := "safe", 300
	f("preset: 10k\nmax_waiting: 7", serveFlags{}, map[string]string{"max_waiting": "7", "max_connections": "10000"})
	f("preset: 10k\nmax_waiting: 500000", serveFlags{}, map[string]string{"max_waiting": "500000"}) // as the default is
	f("preset: 10k", serveFlags{Preset: &safe}, map[string]string{"max_connections": "200"})
	f("preset: safe", serveFlags{MaxConnections: &many}, map[string]string{"max_connections": "300",
		"soft_connections": "225", "max_waiting": "10000"})
	f("preset: safe\nsoft_connections: 20", serveFlags{}, map[string]string{"max_connections": "200",
		"soft_connections": "20"})
	f("", serveFlags{}, map[string]string{"max_waiting": "500000"})
}

func TestPresetMistakes(t *testing.T) {
	f := func(text, want string, on machine) {
		t.Helper()
		if _, err := presetConfig(t, text, &serveFlags{}, on); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	f("preset: large", `preset: "large" is unknown: allowed is safe, 10k, 25k or 100k, "" is none`, machine{files: 1 << 20})
	f("preset: 100k", "max_connections: 100000 and 256 files for the rest are above the limit on open files (20000)",
		machine{files: 20_000})
}

// TestPresetAndMemory: where memory is short its limits in bytes shrink as the defaults do; its connections stay, and
// there is a warning if they may not fit.
func TestPresetAndMemory(t *testing.T) {
	f := func(preset string, mib int64, connections, queue int, beyond bool) {
		t.Helper()
		on := machine{files: 1 << 20, memory: memory.Limit{Bytes: mib << 20, Source: "test"}}
		config, err := presetConfig(t, "preset: "+preset, &serveFlags{}, on)
		if err != nil {
			t.Fatal(err)
		}
		if config.Queue.MaxConnections != connections || config.Queue.MaxQueueBytes>>10 != queue ||
			config.budgets.beyond != beyond {
			t.Errorf("%s in %d MiB: %d connections, queue of %d KiB, beyond %v", preset, mib, config.Queue.MaxConnections,
				config.Queue.MaxQueueBytes>>10, config.budgets.beyond)
		}
	}
	f("safe", 1024, 200, 32<<10, false)
	f("safe", 64, 200, 2184, false)
	f("10k", 512, 10_000, 128<<10, false)
	f("10k", 256, 10_000, 61166, true)
}

// TestPresetSafe: 150 connections raise the alert, 200 are served, and the 201st is told why it is not.
func TestPresetSafe(t *testing.T) {
	s := startTest(t, func(c *Config) { c.Preset = "safe"; c.applyPreset(nil) })
	if n := s.config.Queue.MaxConnections; n != 200 {
		t.Fatal(n)
	}
	open := func(n int) {
		t.Helper()
		for range n {
			conn := dialTCP(t, s)
			fmt.Fprintln(conn, `{"jsonrpc":"2.0","id":1,"method":"ping"}`)
			if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, "result") {
				t.Fatal(line, err)
			}
		}
	}
	open(149)
	if s.reactor.Status().SoftConnections != 150 || s.watch.rules.IsFiring("WeirConnections") {
		t.Error("the alert fires too early")
	}
	open(1)
	eventually(t, "the alert fires", func() bool { return s.watch.rules.IsFiring("WeirConnections") })
	open(50)
	told, err := io.ReadAll(dialTCP(t, s))
	if err != nil || !strings.Contains(string(told), `"reason":"connection_limit"`) {
		t.Errorf("the 201st was told %q, %v", told, err)
	}
}

// TestAcceptRateIsMeasured: what is shown is the number of connections of the last full second, and one above
// max_accept_rate is told why it is refused.
func TestAcceptRateIsMeasured(t *testing.T) {
	s := startTest(t, func(c *Config) { c.Queue.MaxAcceptRate = 50 })
	served := 0
	var told []byte
	for told == nil {
		conn := dialTCP(t, s)
		fmt.Fprintln(conn, `{"jsonrpc":"2.0","id":1,"method":"ping"}`)
		line, err := bufio.NewReader(conn).ReadBytes('\n')
		if err != nil {
			t.Fatal(err)
		}
		if served++; strings.Contains(string(line), `"reason":"accept_rate"`) {
			told = line
		}
		if served == 5000 {
			t.Fatal("nobody is refused")
		}
	}
	if served <= 50 {
		t.Errorf("the connection number %d was refused: %s", served, told)
	}
	shown := func() (rate int) {
		for line := range strings.Lines(string(get(t, s, "/metrics", 200))) {
			fmt.Sscanf(line, "weir_connections_accept_rate %d", &rate)
		}
		return rate
	}
	most := 0
	eventually(t, "a rate is shown", func() bool { most = shown(); return most > 0 })
	if most == 0 || most > 100 {
		t.Errorf("%d connections a second are shown", most)
	}
}
