package main

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

//go:generate go test . -run TestDocsConfig -update

var update = flag.Bool("update", false, "write the generated pages anew instead of comparing them")

const configPage = repository + "/docs/CONFIG.md"

// TestDocsConfig makes docs/CONFIG.md from the comments and the defaults of every Options, and fails when the page that
// is committed says something else.
func TestDocsConfig(t *testing.T) {
	page := renderConfigPage(t)
	if *update {
		if err := os.WriteFile(configPage, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	committed, err := os.ReadFile(configPage)
	if err != nil {
		t.Fatal(err)
	}
	if string(committed) != page {
		t.Error("docs/CONFIG.md is stale: run make docs")
	}
}

const configIntro = `# Configuration

Written by ` + "`make docs`" + ` from the comments in the code; a test fails when it is stale.

Everything has a default: ` + "`weir serve`" + ` alone works. ` + "`weir serve --config FILE`" + ` reads one YAML file, flags beat the file, and the
file beats the defaults; ` + "`--check-config`" + ` prints the result. The file is judged whole before anything starts: an unknown key, a
key set twice, a wrong type or a value out of range is shown with its line and column, all of them at once, and the process
exits with 2.

Times carry their unit (` + "`500ms`, `5s`, `1m30s`" + `). Sizes are bytes, or a number with KiB, MiB or GiB. Each heading below is a key
with its default, as one would write it; a dot stands for a section:

` + "```yaml" + `
http: 127.0.0.1:8080
max_waiting: 500000
messages:
  json:
    max_depth: 64
` + "```" + `
`

// configChapters title the keys of the top level by the package that enforces them, the sections by their name.
var configChapters = map[string]string{
	"weir/reactor":      "Listeners and connections",
	"weir/backpressure": "Queue, workers and connection limits",
	"weir/cmd/weir":     "The process",
	"auth":              "Who may come (`auth`)",
	"messages":          "Messages (`messages`)",
	"log":               "Log (`log`)",
	"mcp":               "What is served (`mcp`)",
}

func renderConfigPage(t *testing.T) string {
	config := DefaultConfig()
	root := reflect.ValueOf(&config).Elem()
	comments := optionComments{t: t, parsed: map[string]map[string]string{}}
	keys := goNames(root)
	chapters, order := map[string]*strings.Builder{}, []string{}
	walkOptions(root, "", func(o option) {
		text := comments.of(o)
		if text == "" && !o.section {
			t.Errorf("%s has no comment", o.path)
		}
		name, _, nested := strings.Cut(o.path, ".")
		if !nested && !o.section {
			name = o.owner.PkgPath()
		}
		chapter := chapters[name]
		if chapter == nil {
			chapter = &strings.Builder{}
			chapters[name] = chapter
			order = append(order, name)
			if configChapters[name] == "" {
				t.Errorf("%s belongs to %s, which has no title in configChapters", o.path, name)
			}
			fmt.Fprintf(chapter, "\n## %s\n", configChapters[name])
		}
		if !o.section {
			fmt.Fprintf(chapter, "\n### `%s: %s`\n", o.path, defaultOf(t, o))
		}
		if text != "" {
			fmt.Fprintf(chapter, "\n%s\n", speakKeys(text, o, keys))
		}
		if flag := flagOf(o.path); flag != "" {
			fmt.Fprintf(chapter, "\nFlag: `--%s`.\n", flag)
		}
	})
	page := configIntro
	for _, name := range order {
		page += chapters[name].String()
	}
	return page
}

func defaultOf(t *testing.T, o option) string {
	text, err := yaml.Marshal(o.value.Interface())
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// flagOf is the flag that sets a key, found by setting each.
func flagOf(path string) string {
	text, number, truth := "x", 1, true
	flags := serveFlags{HTTP: &text, TCP: &text, Unix: &text, Admin: &text, Loops: &number, Workers: &number, MaxConnections: &number, Demo: &truth}
	positions := map[string]position{}
	var config Config
	flags.apply(&config, positions)
	return positions[path].flag
}

// goNames maps the Go name of each option to its key, for names that cannot be ordinary words.
func goNames(root reflect.Value) map[string]string {
	names := map[string]string{}
	walkOptions(root, "", func(o option) {
		if key := lastKey(o.path); strings.Contains(key, "_") {
			names[o.field] = key
		}
	})
	return names
}

var goName = regexp.MustCompile(`\b[A-Z][A-Za-z]+\b`)

// speakKeys turns a Go comment into what an operator reads: fields are called by their keys.
func speakKeys(text string, o option, keys map[string]string) string {
	if rest, ok := strings.CutPrefix(text, o.field+" "); ok {
		text = "`" + lastKey(o.path) + "` " + rest
	}
	return goName.ReplaceAllStringFunc(text, func(word string) string {
		if key := keys[word]; key != "" {
			return "`" + key + "`"
		}
		return word
	})
}

// optionComments finds the comment above a field in the source of its package.
type optionComments struct {
	t      *testing.T
	parsed map[string]map[string]string // by package path: "Type.Field" to comment
}

func (c *optionComments) of(o option) string {
	path := o.owner.PkgPath()
	if c.parsed[path] == nil {
		c.parsed[path] = c.parse(filepath.Join(repository, strings.TrimPrefix(path, "weir/")))
	}
	return c.parsed[path][o.owner.Name()+"."+o.field]
}

func (c *optionComments) parse(folder string) map[string]string {
	files, err := filepath.Glob(folder + "/*.go")
	if err != nil || len(files) == 0 {
		c.t.Fatalf("no source in %s: %v", folder, err)
	}
	found := map[string]string{}
	fset := token.NewFileSet()
	for _, name := range files {
		file, err := parser.ParseFile(fset, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			c.t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if structure, ok := spec.Type.(*ast.StructType); ok {
				for _, field := range structure.Fields.List {
					for _, ident := range field.Names {
						found[spec.Name.Name+"."+ident.Name] = strings.TrimSpace(field.Doc.Text())
					}
				}
			}
			return false
		})
	}
	return found
}
