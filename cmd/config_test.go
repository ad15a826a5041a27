package cmd

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"weir/codec/option"
	weiryaml "weir/codec/yaml"
)

// judge reads text as the file c.yaml with flags over it, on a machine with 20,000 open files.
func judge(text string, flags *serveFlags) (Config, string) {
	config := plain.defaults()
	places, mistakes := weiryaml.Read("c.yaml", []byte(text), &config)
	flags.apply(&config, places)
	mistakes.AddNew(places.Locate(config.validate(20_000)))
	return config, mistakes.Error()
}

func TestConfigMistakes(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		if _, got := judge(text, &serveFlags{}); got != strings.Join(want, "\n") {
			t.Errorf("file:\n%s\ngot:\n%s\nwant:\n%s", text, got, strings.Join(want, "\n"))
		}
	}
	// Nothing wrong.
	f("")
	f("# nothing but a comment\n")
	f("---\nworkers: 4\n")
	f("log:\n")
	f("http: \"\"\nqueue_timeout: 0s\nmax_outbox_bytes: 128KiB\nadmin_allowed_hosts: [a, b]\nrefuse_above: 1\n")

	f("\ufefftcp: \"\"\n")

	// Two listeners on one port.
	f("http: :7000\ntcp: 127.0.0.1:7000\nadmin: 127.0.0.1:7000\n",
		`c.yaml:2:6: tcp: "127.0.0.1:7000" and http, ":7000", are one port, which only one of them can listen on: `+
			`allowed is another port, or "" (off) for one of them`,
		`c.yaml:3:8: admin: "127.0.0.1:7000" and http, ":7000", are one port, which only one of them can listen on: `+
			`allowed is another port, or "" (off) for one of them`,
		`c.yaml:3:8: admin: "127.0.0.1:7000" and tcp, "127.0.0.1:7000", are one port, which only one of them can `+
			`listen on: allowed is another port, or "" (off) for one of them`)
	f("http: 127.0.0.1:9090\n",
		`c.yaml: admin: "127.0.0.1:9090" and http, "127.0.0.1:9090", are one port, which only one of them can listen `+
			`on: allowed is another port, or "" (off) for one of them`)

	// Keys.
	f("max_waitng: 5",
		`c.yaml:1:1: unknown key "max_waitng"; did you mean "max_waiting"?`)
	f("max_queue_age: 1s\nmcp:\n  max_asks: 5",
		`c.yaml:1:1: unknown key "max_queue_age"; it is called "queue_timeout" now`,
		`c.yaml:3:3: unknown key "mcp.max_asks"; it is called "mcp.max_client_requests" now`)
	f("log:\n  levle: info\n",
		`c.yaml:2:3: unknown key "log.levle"; did you mean "log.level"?`)
	f("mpc:\n  name: x\n",
		`c.yaml:1:1: unknown key "mpc"; did you mean "mcp"?`)
	f("max_depth: 10",
		`c.yaml:1:1: unknown key "max_depth"; did you mean "messages.json.max_depth"?`)
	f("mcp.session_idle_timeout: 5m",
		`c.yaml:1:1: unknown key "mcp.session_idle_timeout"; the dots stand for sections, so write "session_idle_timeout:" indented `+
			`below "mcp:"`)
	f("messages:\n  json.max_depth: 10",
		`c.yaml:2:3: unknown key "messages.json.max_depth"; the dots stand for sections, so write "max_depth:" `+
			`indented below "json:"`)
	f("allowed_hosts: [mcp.example, 'mcp.example:443', 'https://mcp.example', '', 'fd00::1']",
		`c.yaml:1:16: allowed_hosts: "mcp.example:443" is not a host: allowed is its name, without scheme, port and path`,
		`c.yaml:1:16: allowed_hosts: "https://mcp.example" is not a host: allowed is its name, without scheme, port and path`,
		`c.yaml:1:16: allowed_hosts: "" is not a host: allowed is its name, without scheme, port and path`)
	f("zzzzzzzz: 1",
		`c.yaml:1:1: unknown key "zzzzzzzz"`)
	f("workers: 2\ndemo: true\nworkers: 3\n",
		`c.yaml:3:1: workers: set twice: allowed is once, and the first is in line 1`)
	f("log: {level: info, level: debug}",
		`c.yaml:1:20: log.level: set twice: allowed is once, and the first is in line 1`)
	f("1: 2\n",
		`c.yaml:1:1: 1 is not a key: allowed is the plain name of a key`)

	// Types.
	f("workers: many", `c.yaml:1:10: workers: "many" is not a whole number: allowed is 0 (one per core) to 4096 workers`)
	f("workers: \"4\"", `c.yaml:1:10: workers: "4" is not a whole number: allowed is 0 (one per core) to 4096 workers`)
	f("workers: 1.5", `c.yaml:1:10: workers: 1.5 is not a whole number: allowed is 0 (one per core) to 4096 workers`)
	f("workers: [1]", `c.yaml:1:10: workers: a list is not a whole number: allowed is 0 (one per core) to 4096 workers`)
	f("workers: 64KiB", `c.yaml:1:10: workers: "64KiB" is not a whole number: allowed is 0 (one per core) to 4096 workers`)
	f("workers: 18446744073709551615",
		`c.yaml:1:10: workers: 18446744073709551615 is beyond what 64 bits hold: allowed is 0 (one per core) to 4096 workers`)
	f("demo: yes", `c.yaml:1:7: demo: "yes" is unknown: allowed is true or false`)
	f("http: 8080", `c.yaml:1:7: http: 8080 is not text: allowed is text in quotes, "" is off`)
	f("http:\ntcp: x:1\n", `c.yaml:1:6: http: an empty value is not text: allowed is text in quotes, "" is off`)
	f("http:\n  port: 1\n", `c.yaml:2:3: http: a section of keys is not text: allowed is text in quotes, "" is off`)
	f("log: loud", `c.yaml:1:6: log: "loud" is not a section: allowed is a section of keys`)
	f("shutdown_timeout: 5",
		`c.yaml:1:19: shutdown_timeout: 5 is not a time with its unit: allowed is above 0s, at most 1h, such as `+
			`500ms, 5s or 1m30s`)
	f("shutdown_timeout: 5 parsecs",
		`c.yaml:1:19: shutdown_timeout: "5 parsecs" is not a time with its unit: allowed is above 0s, at most 1h, `+
			`such as 500ms, 5s or 1m30s`)
	f("max_outbox_bytes: 64KB",
		`c.yaml:1:19: max_outbox_bytes: "64KB" is not a number of bytes: allowed is 1 KiB to 64 MiB, such as 65536 or 64 KiB`)
	f("max_outbox_bytes: 9999999999GiB",
		`c.yaml:1:19: max_outbox_bytes: "9999999999GiB" is beyond what 64 bits hold: allowed is 1 KiB to 64 MiB, such `+
			`as 65536 or 64 KiB`)
	f("admin_allowed_hosts: a", `c.yaml:1:22: admin_allowed_hosts: "a" is not a list: allowed is a list, such as [a, b]`)
	f("admin_allowed_hosts: [a, 1]", `c.yaml:1:26: admin_allowed_hosts: 1 is not text: allowed is text in quotes`)
	f("refuse_above: high", `c.yaml:1:15: refuse_above: "high" is not a number: allowed is above 0, at most 1`)
	f("workers: &n 4\n",
		`c.yaml:1:10: workers: an anchor or alias (not supported here) is not a whole number: allowed is 0 (one per `+
			`core) to 4096 workers`)
	f("workers: !!int 4\n",
		`c.yaml:1:10: workers: a tag (not supported here) is not a whole number: allowed is 0 (one per core) to 4096 workers`)
	f("- workers\n", `c.yaml:1:1: the file: a list is not a section: allowed is a section of keys`)
	f("workers: 1\n---\ndemo: true\n", `c.yaml:2:1: a second document: allowed is one, so remove the --- here`)

	// Values: the packages' own words, at the place of the value.
	f("log:\n  level: loud\n",
		`c.yaml:2:10: log.level: "loud" is unknown: allowed is debug, info, warn or error`)
	f("\n\n  loops:   -1\n",
		`c.yaml:3:12: loops: -1 is below 0: allowed is 0 (one per core) to 256 loops`)
	f("messages:\n  json:\n    max_depth: 100000\n",
		`c.yaml:3:16: messages.json.max_depth: 100000 is above 1000: allowed is 4 to 1000 levels`)
	f("mcp: {page_size: 0}",
		`c.yaml:1:18: mcp.page_size: 0 is below 1: allowed is 1 to 10000 entries`)
	f("max_connections: 20000",
		`c.yaml:1:18: max_connections: 20000 and 256 files for the rest are above the limit on open files (20000): `+
			`allowed is at most 19744, or raise the limit with "ulimit -n", or LimitNOFILE= in the systemd unit`)
	f("memory_limit_bytes: 100MiB",
		`c.yaml:1:21: memory_limit_bytes: 100 MiB is below max_queue_bytes + max_outbox_total_bytes + `+
			`max_input_total_bytes, which may all be full at once: allowed is 256 MiB or more`)
	f("max_waiting_bytes_per_connection: 64KiB",
		`c.yaml:1:35: max_waiting_bytes_per_connection: 64 KiB is below the largest message that messages allows, `+
			`which would always be refused: allowed is 1 MiB or more`)
	f("admin: 0.0.0.0:9090",
		`c.yaml:1:8: admin: "0.0.0.0:9090" is not a loopback address, and nobody would be asked for a token there: `+
			`allowed is 127.0.0.1, or any with admin_tokens_file (the command token makes its lines)`)
	tokens, _ := makeTokens(t, "ann")
	f("admin: 0.0.0.0:9090\nadmin_tokens_file: " + tokens + "\n")
	f("admin: localhost",
		`c.yaml:1:8: admin: "localhost" is not an address: allowed is host:port, such as 127.0.0.1:8080, or "" (off)`)
	f("admin: localhost:99999",
		`c.yaml:1:8: admin: "localhost:99999" has no port from 0 to 65535 behind its last colon, such as 127.0.0.1:8080`)

	// All at once, in the order of the file.
	f("workers: many\nlog:\n  level: loud\n  clour: red\nloops: 999\n",
		`c.yaml:1:10: workers: "many" is not a whole number: allowed is 0 (one per core) to 4096 workers`,
		`c.yaml:3:10: log.level: "loud" is unknown: allowed is debug, info, warn or error`,
		`c.yaml:4:3: unknown key "log.clour": allowed here are level, format`,
		`c.yaml:5:8: loops: 999 is above 256: allowed is 0 (one per core) to 256 loops`)

	// What is no YAML stops at the first place: behind it nothing can be trusted.
	f("log: [a\nworkers: 1\n", `c.yaml:2:1: ',' or ']' must be specified`)
	f("log:\n\tlevel: info\n", `c.yaml:2:1: found character '	' that cannot start any token`)
}

func TestConfigShowsNoMoreThanABoundOfMistakes(t *testing.T) {
	const shown = 50
	_, got := judge(strings.Repeat("- x\n", 3)+"", &serveFlags{})
	if strings.Count(got, "\n") != 0 {
		t.Errorf("a list: got %q", got)
	}
	var many strings.Builder
	for i := range 200 {
		many.WriteString(strings.Repeat("q", i+3) + ": 1\n")
	}
	_, got = judge(many.String(), &serveFlags{})
	if lines := strings.Split(got, "\n"); len(lines) != shown+1 || lines[shown] != "and 150 more" {
		t.Errorf("got %d lines, the last is %q", len(lines), lines[len(lines)-1])
	}
}

func TestConfigFlagsBeatFile(t *testing.T) {
	address, workers := "127.0.0.1:1", 7
	const file = "http: 127.0.0.1:2\ntcp: 127.0.0.1:3\nworkers: 9\n"
	config, got := judge(file, &serveFlags{HTTP: &address, Workers: &workers})
	if got != "" || config.Server.HTTP != address || config.Server.TCP != "127.0.0.1:3" || config.Queue.Workers != 7 {
		t.Errorf("http %q, tcp %q, workers %d, problems %q", config.Server.HTTP, config.Server.TCP, config.Queue.Workers, got)
	}
	workers = -1
	const want = "--workers: -1 is below 0: allowed is 0 (one per core) to 4096 workers"
	if _, got = judge("workers: 9\n", &serveFlags{Workers: &workers}); got != want {
		t.Errorf("got %q", got)
	}
}

func TestConfigDefaultsAreValid(t *testing.T) {
	if _, got := judge("", &serveFlags{}); got != "" {
		t.Error(got)
	}
}

// TestConfigPrintsWhatItReads: the effective configuration, fed back, is the same configuration, and holds every key.
func TestConfigPrintsWhatItReads(t *testing.T) {
	const file = "workers: 3\nmessages:\n  json:\n    max_depth: 9\nallowed_hosts: [a.example]\nlog: {level: warn}\n"
	before, _ := judge(file, &serveFlags{})
	text, err := weiryaml.Write(&before)
	if err != nil {
		t.Fatal(err)
	}
	after, got := judge(string(text), &serveFlags{})
	// An empty list is printed as [], and read back as empty rather than absent.
	for _, list := range []*[]string{
		&after.Server.AllowedOrigins, &after.AdminAllowedHosts, &after.Server.Auth.AuthorizationServers,
		&after.Cluster.Links.Peers, &after.Cluster.Links.DNS,
		&after.MCP.Search.Always,
	} {
		if len(*list) == 0 {
			*list = nil
		}
	}
	if got != "" || !reflect.DeepEqual(before, after) {
		t.Errorf("problems %q\nbefore %+v\nafter  %+v", got, before, after)
	}
	for _, path := range allPaths() {
		if !strings.Contains(string(text), option.Leaf(path)+":") {
			t.Errorf("%s is not printed", path)
		}
	}
}

func allPaths() []string {
	config := plain.defaults()
	var paths []string
	option.Walk(&config, func(f option.Field) { paths = append(paths, f.Key) })
	return paths
}

func TestConfigKeysAreDistinct(t *testing.T) {
	paths := allPaths()
	slices.Sort(paths)
	if unique := slices.Compact(slices.Clone(paths)); len(unique) != len(paths) {
		t.Errorf("a key is owned twice: %v", paths)
	}
}

func TestConfigFileIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "big.yaml")
	if err := os.WriteFile(path, make([]byte, maxConfigBytes+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := plain.loadConfig(&serveFlags{Config: path}, thisMachine()); err == nil ||
		!strings.Contains(err.Error(), "is larger than 1048576 bytes") {
		t.Errorf("got %v", err)
	}
	if _, err := plain.loadConfig(&serveFlags{Config: path + ".no"}, thisMachine()); err == nil ||
		!strings.HasPrefix(err.Error(), "--config: open ") {
		t.Errorf("got %v", err)
	}
}

// FuzzConfig: no file makes the decoder panic, and what it accepts, the library accepts as YAML.
func FuzzConfig(f *testing.F) {
	for _, seed := range []string{
		"workers: 3\n", "log: {level: [a]}\n", "a: &b c\nd: *b\n", "<<: *x\n", "? a\n: b\n", "--- |\n x\n",
		"mcp:\n  name: >\n    x\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, got := judge(text, &serveFlags{}); got != "" {
			return
		}
		var value any
		if err := yaml.Unmarshal([]byte(text), &value); err != nil {
			t.Errorf("accepted %q, the library says %v", text, err)
		}
	})
}
