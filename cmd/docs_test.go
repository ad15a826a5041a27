package cmd

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"weir/codec/option"
	"weir/reactor/mount"
	"weir/registry/offer"
)

//go:generate go test . -run TestDocs(Config|Metrics|Sysctl|Alerts)$ -update

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

Written by ` + "`make docs`" + ` from the comments and tags in the code; a test fails when it is stale.

Everything has a default: ` + "`weir serve`" + ` alone works. ` + "`weir serve --config FILE`" + ` reads one YAML
file, flags beat the file, and the file beats the defaults; ` + "`--check-config`" + ` prints the result. The file is
judged whole before anything starts: an unknown key, a key set twice, a wrong type or a value out of range is shown with
its line and column, all of them at once, and the process exits with 2.

Times carry their unit (` + "`500ms`, `5s`, `1m30s`" + `). Sizes are bytes, or a number with B, KiB, MiB, GiB or TiB.
Each heading below is a key with its default, as one would write it; a dot stands for a section:

` + "```yaml" + `
http: 127.0.0.1:8080
max_waiting: 500000
messages:
  json:
    max_depth: 64
` + "```" + `
`

// presetTable is what each preset sets.
func presetTable() string {
	var b strings.Builder
	b.WriteString("\n## Presets\n\n`preset` sets these where neither file nor flag does. The number of `max_connections` must " +
		"fit the limit on open\nfiles; where memory is short the limits in bytes are smaller, as the defaults are.\n\n| key |")
	for _, name := range presets.names {
		b.WriteString(" `" + name + "` |")
	}
	b.WriteString("\n|" + strings.Repeat("---|", len(presets.names)+1) + "\n")
	for _, row := range presets.rows {
		b.WriteString("| `" + row.key + "` | " + strings.Join(row.values, " | ") + " |\n")
	}
	return b.String()
}

// configChapters title the keys of the top level by the package that enforces them, the sections by their name.
var configChapters = map[string]string{
	"weir/reactor":      "Listeners and connections",
	"weir/backpressure": "Queue, workers and connection limits",
	"weir/cmd":          "The process",

	"weir/cmd/succession": "Upgrades",
	"auth":                "Who may come (`auth`)",
	"messages":            "Messages (`messages`)",
	"log":                 "Log (`log`)",
	"alerts":              "Alerts (`alerts`)",
	"pressure":            "Pressure (`pressure`)",
	"trace":               "Traces (`trace`)",
	"audit":               "Audit log (`audit`)",
	"cluster":             "Cluster (`cluster`)",
	"mcp":                 "What is served (`mcp`)",
	"mounts":              "Mounts (`mounts`)",
}

// withMount are the defaults and a mount, whose name stands for any.
func withMount(command string) Config {
	config := plain.defaults()
	one := mount.DefaultOptions()
	one.Command = command
	config.Mounts = map[string]*mount.Options{"NAME": &one}
	return config
}

func renderConfigPage(t *testing.T) string {
	config := withMount("")
	config.MCP.Views = map[string]*offer.Options{"NAME": {}}
	comments := optionComments{t: t, parsed: map[string]map[string]string{}}
	keys := goNames(&config)
	chapters, order := map[string]*strings.Builder{}, []string{}
	option.Walk(&config, func(f option.Field) {
		text := comments.of(f)
		isSection := f.Kind == option.Section || f.Kind == option.Named
		if text == "" && !isSection {
			t.Errorf("%s has no comment", f.Key)
		}
		name, _, nested := strings.Cut(f.Key, ".")
		if !nested && !isSection {
			name = f.Owner.PkgPath()
		}
		chapter := chapters[name]
		if chapter == nil {
			chapter = &strings.Builder{}
			chapters[name] = chapter
			order = append(order, name)
			if configChapters[name] == "" {
				t.Errorf("%s belongs to %s, which has no title in configChapters", f.Key, name)
			}
			fmt.Fprintf(chapter, "\n## %s\n", configChapters[name])
		}
		if !isSection {
			fmt.Fprintf(chapter, "\n### `%s: %s`\n", f.Key, defaultOf(f))
		}
		if text != "" {
			fmt.Fprintf(chapter, "\n%s\n", speakKeys(text, f, keys))
		}
		if facts := factsOf(f); facts != "" {
			fmt.Fprintf(chapter, "\n%s\n", facts)
		}
	})
	page := configIntro + "\n- [Presets](#presets)\n"
	for _, name := range order {
		page += "- [" + configChapters[name] + "](#" + anchorOf(configChapters[name]) + ")\n"
	}
	page += presetTable()
	for _, name := range order {
		page += chapters[name].String()
	}
	return page
}

// anchorOf is how a page's heading is addressed.
func anchorOf(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}

// defaultOf is the default as one would write it.
func defaultOf(f option.Field) string {
	if text := f.String(); text != "" {
		return text
	}
	switch f.Kind {
	case option.List:
		return "[]"
	case option.Texts:
		return "{}"
	}
	return `""`
}

// factsOf is what the tags say and the heading does not: the range, and the flag.
func factsOf(f option.Field) string {
	var facts []string
	if f.Bounded() {
		facts = append(facts, "Allowed: "+f.Allowed()+".")
	}
	if flag := flagOf(f.Key); flag != "" {
		facts = append(facts, "Flag: `--"+flag+"`.")
	}
	return strings.Join(facts, " ")
}

// flagOf is the flag that sets a key, found by setting each.
func flagOf(path string) string {
	text, number, truth := "x", 1, true
	flags := serveFlags{HTTP: &text, TCP: &text, Unix: &text, Admin: &text, Loops: &number, Workers: &number,
		MaxConnections: &number, Demo: &truth, Preset: &text, Mode: &text, Node: &text, ClusterListen: &text,
		ClusterPeers: []string{text}}
	places := option.Places{}
	var config Config
	flags.apply(&config, places)
	return places[path].Flag
}

// goNames maps the Go name of each option to its key, for names that cannot be ordinary words.
func goNames(config *Config) map[string]string {
	names := map[string]string{}
	option.Walk(config, func(f option.Field) {
		if key := option.Leaf(f.Key); strings.Contains(key, "_") {
			names[f.Name] = key
		}
	})
	return names
}

var goName = regexp.MustCompile(`\b[A-Z][A-Za-z]+\b`)

// speakKeys turns a Go comment into what an operator reads: fields are called by their keys.
func speakKeys(text string, f option.Field, keys map[string]string) string {
	if rest, ok := strings.CutPrefix(text, f.Name+" "); ok {
		text = "`" + option.Leaf(f.Key) + "` " + rest
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

func (c *optionComments) of(f option.Field) string {
	path := f.Owner.PkgPath()
	if c.parsed[path] == nil {
		c.parsed[path] = c.parse(filepath.Join(repository, strings.TrimPrefix(path, "weir/")))
	}
	return c.parsed[path][f.Owner.Name()+"."+f.Name]
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
