package cmd

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDocsArchitectureIsShort: a newcomer reads the page in ten minutes; detail goes to package comments.
func TestDocsArchitectureIsShort(t *testing.T) {
	const most = 2500
	page, err := os.ReadFile(repository + "/docs/ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(strings.Fields(string(page))); n > most {
		t.Errorf("docs/ARCHITECTURE.md has %d words, at most %d: detail goes to a doc.go or docs/OPERATING.md", n, most)
	}
}

var (
	quotedOf = regexp.MustCompile("`([^`\n]+)`")
	// pathOf is a file or folder of ours; a star may stand in it.
	pathOf = regexp.MustCompile(`^(?:cmd|reactor|codec|registry|backpressure|loadtest|docs)(?:/[\w.*-]+)+/?$`)
	testOf = regexp.MustCompile(`^(?:Test|Fuzz)[A-Z]\w+$`)
	// functionOf is a row that names a file and a function in it.
	functionOf = regexp.MustCompile("\\| `([\\w/]+\\.go)` \\| `(\\w+)` \\|")
	linkOf     = regexp.MustCompile(`\]\(([^)#:\s]+)(?:#[^)]*)?\)`)
	declaredIn = regexp.MustCompile(`(?m)^func (?:\([^)]*\) )?(\w+)[\[(]`)
)

// TestDocsNames: what the pages name is there. The changelog names what was.
func TestDocsNames(t *testing.T) {
	tests := map[string]bool{}
	for _, name := range goFiles(t) {
		if strings.HasSuffix(name, "_test.go") {
			for _, test := range declaredFunctions(t, name) {
				tests[test] = true
			}
		}
	}
	for _, page := range trackedFiles(t) {
		if !strings.HasSuffix(page, ".md") || strings.HasSuffix(page, "CHANGELOG.md") {
			continue
		}
		content, err := os.ReadFile(filepath.Join(repository, page))
		if err != nil {
			t.Fatal(err)
		}
		text := string(content)
		for _, found := range quotedOf.FindAllStringSubmatch(text, -1) {
			switch name := found[1]; {
			case pathOf.MatchString(name) && !exists(name):
				t.Errorf("%s names %s, which is not there", page, name)
			case testOf.MatchString(name) && !tests[name]:
				t.Errorf("%s names the test %s, which is not there", page, name)
			}
		}
		for _, found := range functionOf.FindAllStringSubmatch(text, -1) {
			if exists(found[1]) && !slices.Contains(declaredFunctions(t, found[1]), found[2]) {
				t.Errorf("%s says that %s has a function %s", page, found[1], found[2])
			}
		}
		for _, found := range linkOf.FindAllStringSubmatch(text, -1) {
			if !exists(filepath.Join(filepath.Dir(page), found[1])) {
				t.Errorf("%s has a link to %s, which is not there", page, found[1])
			}
		}
	}
}

// TestDocsPackages: the table of packages in docs/ARCHITECTURE.md has each, but for parts of loadtest/bench and what
// only tests use.
func TestDocsPackages(t *testing.T) {
	page, err := os.ReadFile(repository + "/docs/ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range trackedFiles(t) {
		folder, isDoc := strings.CutSuffix(name, "/doc.go")
		hidden := strings.Contains(name, "/internal/") || strings.HasPrefix(name, "loadtest/bench/") ||
			folder == "codec/http1/rivals" || folder == "reactor/trace/judges" || folder == "cmd/needs" ||
			folder == "reactor/cluster/loopback" || folder == "reactor/cluster/queue/queuetest"
		if isDoc && !hidden && !strings.Contains(string(page), "`"+folder+"`") {
			t.Errorf("docs/ARCHITECTURE.md does not say what %s knows", folder)
		}
	}
}

// reasonInData is a reason that is written out in the data of an error.
var reasonInData = regexp.MustCompile(`"reason": ?"([a-z_]+)"`)

// TestDocsReasons: a reason that peers are told in the data of an error has words, also one that no metric counts.
func TestDocsReasons(t *testing.T) {
	pages := ""
	for _, page := range []string{"docs/OPERATING.md", "docs/PROTOCOL.md"} {
		text, err := os.ReadFile(filepath.Join(repository, page))
		if err != nil {
			t.Fatal(err)
		}
		pages += string(text)
	}
	told := 0
	for _, name := range goFiles(t) {
		if strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "loadtest/") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(repository, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, reason := range reasonInData.FindAllStringSubmatch(string(text), -1) {
			if told++; !strings.Contains(pages, "`"+reason[1]+"`") {
				t.Errorf("%s tells peers the reason `%s`: say what it means, by hand, in docs/OPERATING.md or docs/PROTOCOL.md",
					name, reason[1])
			}
		}
	}
	if told < 15 {
		t.Errorf("%d reasons were found in the data of errors: are they written in another way now?", told)
	}
}

// exists says whether the repository has a file or folder of this name, in which a star stands for anything.
func exists(name string) bool {
	found, err := filepath.Glob(filepath.Join(repository, name))
	return err == nil && len(found) > 0
}

// declaredFunctions are the functions and methods of a file.
func declaredFunctions(t *testing.T, name string) (functions []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, name))
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range declaredIn.FindAllSubmatch(text, -1) {
		functions = append(functions, string(found[1]))
	}
	return functions
}
