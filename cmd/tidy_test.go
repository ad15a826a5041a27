package cmd

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The rules of the whole tree, held by a test so that no reviewer has to count. An exception is a row with its reason.

const (
	maxFileLines     = 500
	maxTestFileLines = 1000
	maxFuncLines     = 70
)

// longFiles and longFuncs are the exceptions; a func is "file:Name".
var (
	longFiles = map[string]string{}
	longFuncs = map[string]string{}
)

// topLevel is every entry that the repository's root may hold.
var topLevel = []string{
	"cmd", "reactor", "codec", "registry", "backpressure", "loadtest", "docs", "go.mod", "go.sum",
	"Makefile", "README.md", "LICENSE",
	".ci", ".gitignore",
}

// allowedImports is what each folder may import beside the standard library, in files that are not tests: the data
// path's direction, and one doorway for each library. A path covers the packages below it.
var allowedImports = map[string][]string{
	"codec":        {"weir/codec/option", "github.com/bytedance/sonic", "github.com/gobwas/ws"},
	"codec/option": {},
	"codec/yaml":   {"weir/codec/option", "github.com/goccy/go-yaml"},
	"backpressure": {
		"weir/codec/option", "weir/backpressure/histogram", "weir/backpressure/mean", "weir/backpressure/number",
		"weir/backpressure/rate", "weir/backpressure/ring", "weir/backpressure/tally", "github.com/VictoriaMetrics/metrics",
	},
	"registry": {
		"weir/codec", "weir/registry", "github.com/VictoriaMetrics/metrics",
		"github.com/modelcontextprotocol/go-sdk",
	},
	"registry/engine": {
		"weir/codec", "weir/registry/call", "weir/registry/clientreq", "weir/registry/concurrency", "weir/registry/event",
		"weir/registry/fault", "weir/registry/feature", "weir/registry/finder", "weir/registry/handler",
		"weir/registry/input", "weir/registry/meter", "weir/registry/offer", "weir/registry/protocol", "weir/registry/result",
		"weir/registry/session", "weir/registry/task", "weir/registry/value", "github.com/VictoriaMetrics/metrics",
		"github.com/modelcontextprotocol/go-sdk",
	},
	"registry/fault": {"weir/codec", "weir/registry/protocol"},
	"registry/meter": {
		"weir/registry/call", "weir/registry/concurrency", "weir/registry/feature", "weir/registry/handler",
		"github.com/VictoriaMetrics/metrics",
	},
	"registry/finder": {
		"weir/codec", "weir/registry/call", "weir/registry/feature", "weir/registry/handler", "weir/registry/protocol",
		"weir/registry/search", "github.com/VictoriaMetrics/metrics", "github.com/modelcontextprotocol/go-sdk",
	},
	"registry/search": {"weir/codec"},
	"registry/offer": {
		"weir/codec", "weir/registry/call", "weir/registry/event", "weir/registry/fault", "weir/registry/feature",
		"weir/registry/finder", "weir/registry/handler", "weir/registry/protocol", "weir/registry/result",
		"github.com/modelcontextprotocol/go-sdk",
	},
	"registry/handler": {
		"weir/codec", "weir/registry/call", "weir/registry/feature", "weir/registry/protocol", "weir/registry/result",
		"weir/registry/schema", "weir/registry/value", "github.com/modelcontextprotocol/go-sdk",
	},
	"registry/input": {
		"weir/codec", "weir/registry/call", "weir/registry/clientreq", "weir/registry/protocol", "weir/registry/result",
		"weir/registry/value", // numbers and text: it stands below everything that speaks of them
		"github.com/modelcontextprotocol/go-sdk",
	},
	"registry/call": {
		"weir/codec", "weir/registry/concurrency", "weir/registry/event", "weir/registry/protocol",
		"weir/registry/session", "weir/registry/task",
		"weir/registry/value",
		"github.com/VictoriaMetrics/metrics",
		"github.com/modelcontextprotocol/go-sdk",
	},
	"registry/result": {
		"weir/codec", "weir/registry/feature", "weir/registry/protocol", "weir/registry/value",
		"github.com/modelcontextprotocol/go-sdk",
	},
	"registry/session": {
		"weir/registry/event", "weir/registry/protocol", "weir/registry/shard", "github.com/VictoriaMetrics/metrics",
	},
	"registry/event": {"weir/codec", "weir/registry/protocol", "github.com/VictoriaMetrics/metrics"},
	"registry/clientreq": {
		"weir/codec", "weir/registry/protocol", "weir/registry/schema", "weir/registry/value",
		"weir/registry/feature", // which contents and roles MCP has: asked of a client as told to one
		"github.com/VictoriaMetrics/metrics",
		"github.com/modelcontextprotocol/go-sdk",
	},
	"registry/feature": {"weir/codec", "weir/registry/protocol", "weir/registry/schema", "weir/registry/shard",
		"weir/registry/value",
		"github.com/modelcontextprotocol/go-sdk", "github.com/yosida95/uritemplate"},
	"registry/protocol":    {"weir/codec"},
	"registry/sdk":         {"weir/registry/protocol", "weir/registry/schema", "github.com/modelcontextprotocol/go-sdk"},
	"registry/shard":       {},
	"registry/concurrency": {},
	"registry/value":       {"weir/codec"},
	"registry/schema": {"weir/codec", "weir/registry/value", "github.com/bytedance/sonic",
		"github.com/google/jsonschema-go"},
	"registry/task": {
		"weir/codec", "weir/registry/protocol", "weir/registry/shard", "weir/registry/value",
		"github.com/VictoriaMetrics/metrics",
		"github.com/modelcontextprotocol/go-sdk",
	},
	// The examples are run by a whole server, so that what they print is what clients see.
	"registry/example_client_test.go": {"weir/registry", "weir/reactor"},
	"reactor": {
		"weir/codec", "weir/backpressure", "weir/registry", "weir/reactor", "github.com/VictoriaMetrics/metrics",
		"github.com/rs/zerolog", "golang.org/x/sys/unix",
	},
	"reactor/auth": {"weir/codec"},
	"reactor/loop": {
		"weir/codec/option", "weir/backpressure", "weir/reactor/logwriter", "weir/reactor/loop/budget",
		"weir/reactor/loop/round",
		"weir/reactor/loop/share",
		"weir/reactor/loop/socket",
		"github.com/VictoriaMetrics/metrics", "github.com/rs/zerolog", "golang.org/x/sys/unix",
	},
	"reactor/loop/netpoll.go": {"weir/reactor/logwriter", "github.com/cloudwego/netpoll"},
	"reactor/loop/budget":     {"weir/backpressure"},
	"reactor/loop/share":      {"weir/backpressure"},
	"reactor/loop/socket":     {"golang.org/x/sys/unix"},
	"reactor/logwriter":       {"golang.org/x/sys/unix"},
	"reactor/audit": {"weir/codec", "weir/registry/call", "weir/reactor/logwriter", "github.com/VictoriaMetrics/metrics",
		"golang.org/x/sys/unix"},
	"reactor/trace": {
		"weir/codec", "weir/registry/call", "weir/reactor/logwriter", "github.com/VictoriaMetrics/metrics",
	},
	"reactor/upgrade": {"golang.org/x/sys/unix"},
	"reactor/pipeline": {
		"weir/codec", "weir/backpressure", "weir/registry", "weir/reactor/auth", "weir/reactor/loop",
		"weir/reactor/audit", "weir/reactor/trace",
		"github.com/VictoriaMetrics/metrics", "github.com/rs/zerolog",
	},
	"reactor/transport": {
		"weir/codec", "weir/backpressure", "weir/registry", "weir/reactor/auth", "weir/reactor/loop", "weir/reactor/pipeline",
		"weir/reactor/logwriter", "weir/reactor/transport/paths", "github.com/VictoriaMetrics/metrics",
		"golang.org/x/sys/unix",
	},
	// For tests only.
	"reactor/internal/wire": {"github.com/gobwas/ws"},
	// A module of its own.
	"codec/http1/rivals": {"weir/codec/http1", "github.com/valyala/fasthttp"},
	// Likewise: OpenTelemetry's own code is what judges.
	"reactor/trace/judges": {"weir/codec/option", "weir/registry", "weir/reactor"},
	"loadtest": {
		"weir/loadtest/client", "weir/loadtest/hostile", "weir/loadtest/observe", "weir/loadtest/probe",
		"weir/loadtest/pacing", "weir/loadtest/report", "weir/loadtest/table", "weir/loadtest/wire",
		"weir/codec/option", "weir/codec/yaml",
		"github.com/HdrHistogram/hdrhistogram-go",
	},
	"loadtest/socket": {"golang.org/x/sys/unix"},
	"loadtest/table":  {"github.com/HdrHistogram/hdrhistogram-go"},
	"loadtest/wire":   {"weir/codec"},
	"loadtest/pacing": {},
	"loadtest/client": {
		"weir/codec/option", "weir/loadtest/pacing", "weir/loadtest/table", "weir/loadtest/wire", "weir/loadtest/socket",
		"github.com/HdrHistogram/hdrhistogram-go", "golang.org/x/sys/unix",
	},
	"loadtest/hostile": {
		"weir/loadtest/client", "weir/loadtest/socket", "weir/loadtest/table", "weir/loadtest/wire", "golang.org/x/sys/unix",
	},
	"loadtest/probe":   {"weir/loadtest/wire"},
	"loadtest/observe": {"weir/loadtest/wire", "golang.org/x/sys/unix"},
	"loadtest/report": {
		"weir/loadtest/client", "weir/loadtest/hostile", "weir/loadtest/observe", "weir/loadtest/table",
		"github.com/HdrHistogram/hdrhistogram-go",
	},
	"loadtest/internal": {"weir/loadtest/wire", "golang.org/x/sys/unix"},
	"loadtest/bench": {
		"weir/loadtest/bench", "weir/loadtest/client", "weir/loadtest/observe", "weir/loadtest/pacing",
		"weir/loadtest/report", "weir/loadtest/table", "weir/loadtest/wire",
	},
	// The servers that benches compare with: programs of their own, each on the library it stands for.
	"loadtest/peers": {"github.com", "golang.org/x/sys/unix"},
	// Weir itself, with something that changes.
	"loadtest/peers/changing": {"weir/backpressure", "weir/registry", "weir/reactor", "github.com",
		"golang.org/x/sys/unix"},
	"cmd": {
		"weir/cmd/demo", "weir/codec", "weir/backpressure", "weir/registry", "weir/reactor", "weir/loadtest", "github.com",
		"golang.org/x/sys/unix",
	},
}

// unwanted are words that tracked text never holds: work left for later, this machine's paths, hosts of package
// registries (a lock file that names one ties every build to it). Cut in two, so that this file does not match.
var unwanted = regexp.MustCompile(strings.Join([]string{
	`\bTO` + `DO\b`, `\bFIX` + `ME\b`, `\bX` + `XX\b`,
	`/wo` + `rk/(main|shared)`, `/ro` + `ot/`, `/ho` + `me/[a-z]`, `/tm` + `p/weir`,
	`registry\.npm` + `js`, `registry\.yar` + `npkg`, `proxy\.gol` + `ang\.org`, `sum\.gol` + `ang\.org`,
}, "|"))

func TestTidyTopLevel(t *testing.T) {
	for _, name := range trackedFiles(t) {
		if top, _, _ := strings.Cut(name, "/"); !slices.Contains(topLevel, top) {
			t.Errorf("%s: the top level has no %s; put it into the folder of its step", name, top)
		}
	}
}

func TestTidySizes(t *testing.T) {
	for _, name := range goFiles(t) {
		limit := maxFileLines
		isTest := strings.HasSuffix(name, "_test.go")
		if isTest {
			limit = maxTestFileLines
		}
		fset, file := parseGo(t, name, parser.SkipObjectResolution)
		lines := fset.Position(file.FileEnd).Line
		if lines > limit && longFiles[name] == "" {
			t.Errorf("%s: %d lines, at most %d", name, lines, limit)
		}
		for _, decl := range file.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || isTest {
				continue
			}
			lines := fset.Position(fn.End()).Line - fset.Position(fn.Pos()).Line + 1
			if lines > maxFuncLines && longFuncs[name+":"+fn.Name.Name] == "" {
				t.Errorf("%s: func %s has %d lines, at most %d", name, fn.Name.Name, lines, maxFuncLines)
			}
		}
	}
}

func TestTidyImports(t *testing.T) {
	for _, name := range goFiles(t) {
		_, file := parseGo(t, name, parser.ImportsOnly)
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if complaint := judgeImport(name, imported); complaint != "" {
				t.Errorf("%s imports %s: %s", name, imported, complaint)
			}
		}
	}
}

// judgeImport is "" when the file may import the package.
func judgeImport(name, imported string) string {
	first, _, _ := strings.Cut(imported, "/")
	isOurs, isStandard := first == "weir", !strings.Contains(first, ".")
	switch {
	case imported == "weir/cmd" && strings.HasPrefix(name, "cmd/") && path.Dir(name) != "cmd":
		return "" // a program
	case imported == "weir/cmd/demo" && (strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "cmd/")):
		return "" // tools to call, in tests of servers too
	case slices.Contains([]string{"weir/cmd/admin", "weir/cmd/invoke", "weir/cmd/check", "weir/cmd/exposition",
		"weir/cmd/imports", "weir/cmd/memory", "weir/cmd/doctor", "weir/cmd/live", "weir/cmd/manual",
		"weir/cmd/mounts", "weir/cmd/observers", "weir/cmd/orders", "weir/cmd/pager", "weir/cmd/process",
		"weir/cmd/succession", "weir/cmd/systemd", "weir/cmd/token", "weir/cmd/top"}, imported) &&
		path.Dir(name) == "cmd":
		return "" // parts of the program
	case imported == "weir/cmd/systemd" && path.Dir(name) == "cmd/succession":
		return "" // who else is told of an upgrade
	case imported == "weir/cmd/exposition" && path.Dir(name) == "cmd/admin":
		return "" // the metrics page
	case path.Dir(name) == "cmd/live" && slices.Contains([]string{"weir/cmd/exposition", "weir/cmd/process"}, imported):
		return "" // what is read of a server
	case imported == "weir/cmd/live" && path.Dir(name) == "cmd/top":
		return "" // what is shown of it
	case imported == "weir/cmd/memory" && path.Dir(name) == "cmd/doctor":
		return "" // one of the limits of a machine
	case imported == "weir/cmd/mounts" && (path.Dir(name) == "cmd/check" || path.Dir(name) == "cmd/imports"):
		return "" // what can be known of mounts that do not run
	case imported == "weir/cmd/needs" && strings.HasSuffix(name, "_test.go"):
		return "" // what of this machine and of this run a test needs
	case strings.HasPrefix(imported, "weir/cmd"):
		return "only programs import cmd"
	case imported == "weir/codec/yaml" && !strings.HasPrefix(name, "cmd/") && !strings.HasPrefix(name, "loadtest/"):
		return "only cmd and loadtest read files: who imports the server does not build a YAML library"
	case isStandard && !isOurs:
		return ""
	case strings.HasSuffix(name, "_test.go") && (!isOurs || strings.Contains(imported, "/internal/")):
		return "" // a test may bring an outside judge, and what its folder keeps for tests (the compiler holds the folder)
	}
	if path.Dir(name) == "registry/engine" && strings.HasSuffix(name, "_test.go") &&
		strings.HasPrefix(imported+"/", "weir/registry/") {
		return "" // its tests register what they call
	}
	for at := name; at != "."; at = path.Dir(at) {
		allowed, listed := allowedImports[at]
		if !listed {
			continue
		}
		if slices.ContainsFunc(allowed, func(a string) bool { return imported == a || strings.HasPrefix(imported, a+"/") }) {
			return ""
		}
		if path.Dir(name) == strings.TrimPrefix(imported, "weir/") {
			return "" // a package's own external test
		}
		return fmt.Sprintf("%s may import %v", at, allowed)
	}
	return "its folder has no row in allowedImports"
}

func TestTidyJudgesImports(t *testing.T) {
	f := func(name, imported string, ok bool) {
		t.Helper()
		if got := judgeImport(name, imported); (got == "") != ok {
			t.Errorf("%s imports %s: got %q", name, imported, got)
		}
	}
	f("codec/line.go", "bytes", true)
	f("codec/line.go", "weir/registry", false)
	f("codec/line.go", "github.com/rs/zerolog", false)
	f("codec/line_test.go", "go.uber.org/goleak", true)
	f("codec/line_test.go", "weir/reactor", false)
	f("codec/line_test.go", "weir/codec", true)
	f("codec/line.go", "weir/codec/yaml", false)
	f("codec/option/field.go", "weir/codec", false)
	f("codec/yaml/read.go", "weir/codec/option", true)
	f("codec/line.go", "weir/codec/http1", false)
	f("codec/http1/body.go", "weir/codec", false)
	f("codec/http1/body.go", "weir/codec/internal/codectest", false)
	f("codec/http1/body_test.go", "weir/codec/internal/codectest", true)
	f("codec/websocket/frame.go", "github.com/gobwas/ws", true)
	f("reactor/transport/http.go", "weir/codec/http1", true)
	f("reactor/transport/http.go", "weir/reactor/pipeline", true)
	f("reactor/pipeline/admit.go", "weir/reactor/transport", false)
	f("backpressure/queue.go", "weir/codec", false)
	f("backpressure/options.go", "weir/codec/option", true)
	f("reactor/options.go", "weir/codec/option", true)
	f("reactor/options.go", "weir/codec/yaml", false)
	f("cmd/config.go", "weir/codec/yaml", true)
	f("registry/tools.go", "weir/codec", true)
	f("registry/tools.go", "weir/reactor", false)
	f("registry/engine/route.go", "weir/registry", false)
	f("registry/engine/engine_test.go", "weir/registry", true)
	f("registry/call/call.go", "weir/registry/engine", false)
	f("reactor/loop/netpoll.go", "github.com/cloudwego/netpoll", true)
	f("reactor/loop/loop.go", "github.com/cloudwego/netpoll", false)
	f("reactor/loop/loop.go", "weir/codec", false)
	f("reactor/loop.go", "weir/cmd", false)
	f("reactor/loop.go", "weir/cmd/demo", false)
	f("reactor/loop_test.go", "weir/cmd/demo", true)
	f("reactor/loop/loop_test.go", "weir/cmd/needs", true)
	f("reactor/loop/loop.go", "weir/cmd/needs", false)
	f("cmd/serve.go", "weir/cmd/demo", true)
	f("cmd/demo/demo.go", "weir/cmd/weir", false)
	f("cmd/weir/main.go", "weir/cmd", true)
	f("cmd/serve.go", "weir/cmd/everything", false)
	f("loadtest/client/loop.go", "weir/registry", false)
	f("loadtest/client/loop.go", "weir/loadtest/report", false)
	f("loadtest/wire/http.go", "weir/loadtest/client", false)
	f("loadtest/runner.go", "weir/loadtest/report", true)
	f("elsewhere/x.go", "weir/codec", false)
}

func TestTidyPackagesHaveTheirFiles(t *testing.T) {
	tracked := trackedFiles(t)
	for _, folder := range []string{"codec", "codec/http1", "codec/websocket", "backpressure", "registry/engine",
		"registry/task", "reactor", "reactor/loop", "reactor/pipeline", "reactor/transport"} {
		want := []string{"doc.go", "options.go", "metrics.go"}
		if folder == "reactor" || folder == "registry/engine" {
			want = want[:2] // its parts count: of the engine, registry/meter
		}
		if strings.HasPrefix(folder, "codec") {
			want = []string{"doc.go", "options.go", "errors.go"} // bytes only: it counts nothing
		}
		for _, file := range want {
			if !slices.Contains(tracked, folder+"/"+file) {
				t.Errorf("%s has no %s", folder, file)
			}
		}
	}
}

// TestTidyDecisions: docs/decisions are numbered one by one, and each says its number.
func TestTidyDecisions(t *testing.T) {
	files, err := filepath.Glob(repository + "/docs/decisions/*.md")
	if err != nil || len(files) == 0 {
		t.Fatal(len(files), err)
	}
	for i, file := range files { // sorted by name
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		number := fmt.Sprintf("%04d", i+1)
		if !strings.HasPrefix(filepath.Base(file), number+"-") || !bytes.HasPrefix(text, []byte("# "+number+": ")) {
			t.Errorf("%s is number %s", file, number)
		}
	}
}

func TestTidyWords(t *testing.T) {
	for _, name := range trackedFiles(t) {
		text, err := os.ReadFile(filepath.Join(repository, name))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.IndexByte(text, 0) >= 0 {
			continue // not text
		}
		for i, line := range bytes.Split(text, []byte("\n")) {
			if found := unwanted.Find(line); found != nil {
				t.Errorf("%s:%d: %q has no place in the repository", name, i+1, found)
			}
		}
	}
}

// repository is the root, seen from this folder.
const repository = ".."

// trackedFiles are git's files and those it would add: what a commit of everything would hold.
func trackedFiles(t *testing.T) []string {
	t.Helper()
	list := exec.Command("git", "-C", repository, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	out, err := list.Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	var names []string
	for name := range strings.SplitSeq(string(out), "\x00") {
		if _, err := os.Stat(filepath.Join(repository, name)); name != "" && err == nil {
			names = append(names, name)
		}
	}
	return names
}

func goFiles(t *testing.T) []string {
	t.Helper()
	return slices.DeleteFunc(trackedFiles(t), func(name string) bool { return !strings.HasSuffix(name, ".go") })
}

func parseGo(t *testing.T, name string, mode parser.Mode) (*token.FileSet, *ast.File) {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, filepath.Join(repository, name), nil, mode)
	if err != nil {
		t.Fatal(err)
	}
	return fset, file
}
