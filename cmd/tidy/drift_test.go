package tidy

import (
	"bytes"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"unicode/utf8"
)

// What drifts, and how far it may. An exception is a row with its reason.

const (
	maxPackageLines     = 2600 // without tests: about 2,500
	maxExported         = 60   // package-level names
	maxInterfaceMethods = 5
	maxBackwardPercent  = 15 // of the arrows between a package's files
	fewArrows           = 12 // fewer than these say nothing
	maxColumns          = 120
)

var (
	// exportedOf are packages that have a bound of their own: what authors of tools read is small.
	exportedOf = map[string]int{"weir/registry": 45, "weir/reactor": 45, "weir/cmd": 10}
	// methodsOf bounds the exported methods of a type that authors read.
	methodsOf = map[string]int{"weir/registry.Registry": 15, "weir/reactor.Server": 16}

	largePackages = map[string]string{
		"weir/backpressure": "new lanes came in beside the ring (fair.go, expected.go); limits of connections are to move out",
		"weir/reactor/loop": "nodes' connections have no socket (wire.go), and a loop gives its processor away (turn.go); the " +
			"outbox is to move out",
		"weir/reactor/transport": "requests for other nodes came in beside answers (http_forward.go, http_served.go); lines " +
			"and WebSocket are to move out",
		"weir/registry/engine": "forwarded calls (forward.go) came in beside handlers; the methods of tasks are to move out",
	}
	wideSurfaces   = map[string]string{}
	wideInterfaces = map[string]string{
		"weir/reactor/loop.Handler":       "a method per thing that happens to a connection; fewer would be one with a switch",
		"weir/reactor/pipeline.Conduct":   "a transport's answers to what happens to its connection, as loop.Handler",
		"weir/reactor/pipeline.Transport": "Conduct and Sender in one, since a connection holds one value of 16 bytes",
	}
	knots     = map[string]string{}
	longLines = map[string]string{
		"reactor/example_test.go": "what an example prints stands on one line",
	}
)

func TestTidyDrift(t *testing.T) {
	packages, err := Measure(repository, "./...")
	if err != nil {
		t.Fatal(err)
	}
	var table bytes.Buffer
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "package\tlines\texported\tarrows\tbackward\t")
	for _, p := range packages {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d %%\t\n", p.Path, p.Lines, len(p.Exported), p.Arrows, p.BackwardPercent())
		judge(t, p)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", &table)
}

// judge holds one package against the limits.
func judge(t *testing.T, p Package) {
	t.Helper()
	if p.Lines > maxPackageLines && largePackages[p.Path] == "" {
		t.Errorf("%s has %d lines, at most %d", p.Path, p.Lines, maxPackageLines)
	}
	most := maxExported
	if own, ok := exportedOf[p.Path]; ok {
		most = own
	}
	if len(p.Exported) > most && wideSurfaces[p.Path] == "" {
		t.Errorf("%s exports %d names, at most %d", p.Path, len(p.Exported), most)
	}
	for name, n := range p.Methods {
		if most, ok := methodsOf[p.Path+"."+name]; ok && n > most {
			t.Errorf("%s.%s has %d exported methods, at most %d", p.Path, name, n, most)
		}
	}
	for name, n := range p.Interface {
		if n > maxInterfaceMethods && wideInterfaces[p.Path+"."+name] == "" {
			t.Errorf("%s: interface %s has %d methods, at most %d", p.Path, name, n, maxInterfaceMethods)
		}
	}
	if p.Arrows >= fewArrows && p.BackwardPercent() > maxBackwardPercent && knots[p.Path] == "" {
		t.Errorf("%s: %d %% of the arrows between its files run backwards, at most %d %%:\n\t%s\nin the order %s",
			p.Path, p.BackwardPercent(), maxBackwardPercent, strings.Join(p.Backward, "\n\t"), strings.Join(p.Order, " "))
	}
}

func TestTidyLocks(t *testing.T) {
	for _, name := range tracked(t, ".go") {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, filepath.Join(repository, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range Locks(fset, file) {
			t.Error(found)
		}
	}
}

// tagOfField is a line that ends with the tag of a field: it is one literal, and cannot be broken.
var tagOfField = regexp.MustCompile("^\t[A-Z]\\w* +[\\w.*\\[\\]]+ +`\\w+:\".*\"`$")

// longLiteral is one literal of more than half a line. Of a test it is a message, which is read best in one piece.
var longLiteral = regexp.MustCompile("(\"(?:[^\"\\\\]|\\\\.){60,}\")|(`[^`]{60,})|^[^`]{60,}`|^[^`\"]*$")

func TestTidyColumns(t *testing.T) {
	for _, name := range tracked(t, ".go", ".sh", "Makefile", ".ci/run") {
		for i, line := range lines(t, name) {
			n := utf8.RuneCountInString(line)
			if n <= maxColumns || longLines[name] != "" || strings.Contains(line, "://") || tagOfField.MatchString(line) {
				continue
			}
			if !strings.HasSuffix(name, "_test.go") || !longLiteral.MatchString(line) {
				t.Errorf("%s:%d: %d columns, at most %d", name, i+1, n, maxColumns)
			}
		}
	}
}

// retired are words that had two meanings or were nobody's else, each with what is said instead.
var retired = map[string]string{
	`(?i)villain`:              "hostile client",
	`(?i)misdeed`:              "behaviour",
	`(?i)farewell`:             "GoAway",
	`(?i)\bthaw`:               "expand",
	`(?i)\b(adrift|orphan)`:    "detached",
	`(?i)\bparked`:             "suspended (a call), blocked (a connection's message)",
	`(?i)overdue`:              "timed out",
	`(?i)catalogue`:            "feature set, or what is offered",
	`\bVitals`:                 "server statistics",
	`(?i)\btrails?(Locked)?\b`: "post stream",
	`(?i)\bseats?\b`:           "worker slot",
	`\bmax_asks`:               "max_client_requests",
	`\bask_timeout`:            "client_request_timeout",
	`\breplay_`:                "event_store_",
}

// oldKey is where an option says how its key was called, so that files with the old one are told.
var oldKey = regexp.MustCompile(` was:"[^"]*"`)

func TestTidyRetiredWords(t *testing.T) {
	betterThan := map[*regexp.Regexp]string{}
	for word, better := range retired {
		betterThan[regexp.MustCompile(word)] = better
	}
	for _, name := range tracked(t, ".go", ".md", ".yaml", ".yml") {
		if strings.HasPrefix(name, "cmd/tidy/") || strings.HasSuffix(name, "CHANGELOG.md") ||
			name == "cmd/config_test.go" {
			continue // they name what was retired
		}
		for i, line := range lines(t, name) {
			line = oldKey.ReplaceAllString(line, "")
			for word, better := range betterThan {
				if found := word.FindString(line); found != "" {
					t.Errorf("%s:%d: %q is retired, say %s", name, i+1, found, better)
				}
			}
		}
	}
}

// repository is the root, seen from this folder.
const repository = "../.."

// tracked are git's files and those it would add, of these endings.
func tracked(t *testing.T, endings ...string) (names []string) {
	t.Helper()
	out, err := exec.Command("git", "-C", repository, "ls-files", "-z", "--cached", "--others",
		"--exclude-standard").Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	for name := range strings.SplitSeq(string(out), "\x00") {
		ends := func(ending string) bool { return strings.HasSuffix(name, ending) }
		if _, err := os.Stat(filepath.Join(repository, name)); err == nil && slices.ContainsFunc(endings, ends) {
			names = append(names, name)
		}
	}
	return names
}

func lines(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(text), "\n")
}
