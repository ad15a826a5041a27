package cmd

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What a module that imports registry and reactor gets. Most of mostListed is the libraries' own tests, which `go list
// -m all` names and nothing builds: netpoll's go.mod is older than module graph pruning (Go 1.17), so all that it ever
// stood on is listed. A dozen are clients of brokers, which only package cmd links.
const (
	mostListed = 75 // with that module and weir
	mostBuilt  = 28 // of these, what is compiled; go.mod of the importer names them
)

// TestTidyModulesOfAnImporter counts the modules of a program outside the repository. It needs no network: what it
// builds is what this module builds too.
func TestTidyModulesOfAnImporter(t *testing.T) {
	root, err := filepath.Abs(repository)
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":  "module example.com/importer\n\ngo 1.26.0\n\nrequire weir v0.0.0\n\nreplace weir => " + root + "\n",
		"go.sum":  string(sums),
		"main.go": "package main\n\nimport (\n\t_ \"weir/reactor\"\n\t_ \"weir/registry\"\n)\n\nfunc main() {}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list := func(args ...string) map[string]bool {
		t.Helper()
		cmd := exec.Command("go", append([]string{"list", "-mod=mod"}, args...)...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
		out, err := cmd.Output()
		if err != nil {
			var stderr []byte
			if exit, ok := err.(*exec.ExitError); ok {
				stderr = exit.Stderr
			}
			t.Fatalf("%v: %v\n%s", cmd.Args, err, stderr)
		}
		modules := map[string]bool{}
		for line := range strings.Lines(string(out)) {
			if line = strings.TrimSpace(line); line != "" {
				modules[line] = true
			}
		}
		return modules
	}
	built := list("-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".")
	listed := list("-m", "-f", "{{.Path}}", "all")
	if len(built) > mostBuilt {
		t.Errorf("%d modules are built, at most %d", len(built), mostBuilt)
	}
	if len(listed) > mostListed {
		t.Errorf("%d modules are listed, at most %d", len(listed), mostListed)
	}
	for _, apart := range []string{"github.com/valyala/fasthttp", "honnef.co/go/tools", "github.com/mark3labs/mcp-go"} {
		if listed[apart] {
			t.Errorf("%s is for benches or tools, which have modules of their own", apart)
		}
	}
}
