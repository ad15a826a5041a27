package cmd

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/cmd/exposition"
	"weir/cmd/nodes"
	"weir/reactor/mount"
	"weir/registry"
)

const metricsPage = repository + "/docs/METRICS.md"

var (
	sampleLine = regexp.MustCompile(`(?m)^([a-z_][a-zA-Z0-9_]*)(?:\{([^}]*)\})? `)
	typeLine   = regexp.MustCompile(`(?m)^# TYPE ([a-z0-9_]+) `)
	reasonWord = regexp.MustCompile(`reason="([^"]*)"`)
	pageTable  = regexp.MustCompile(`(?m)^\| series .*\n(\|.*\n)+`)
)

// TestDocsMetrics makes the tables of docs/METRICS.md from the list of series, and fails when the page that is
// committed has others.
func TestDocsMetrics(t *testing.T) {
	text, err := os.ReadFile(metricsPage)
	if err != nil {
		t.Fatal(err)
	}
	committed, page := string(text), ""
	head, rest, _ := strings.Cut(committed, "\n## ")
	page = head
	for i, part := range strings.Split(rest, "\n## ") {
		if i >= len(exposition.Sections) {
			t.Fatal("the page has more headings than there are sections of series")
		}
		section := exposition.Sections[i]
		if title, _, _ := strings.Cut(part, "\n"); title != section.Title {
			t.Fatalf("heading %q, want %q", title, section.Title)
		}
		page += "\n## " + pageTable.ReplaceAllLiteralString(part, tableOf(section))
	}
	if *update {
		if err := os.WriteFile(metricsPage, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if committed != page {
		t.Error("docs/METRICS.md is stale: run make docs")
	}
}

func tableOf(section exposition.Section) string {
	var b strings.Builder
	b.WriteString("| series | type | labels | meaning |\n|---|---|---|---|\n")
	for _, f := range section.Families {
		labels := ""
		if f.Labels != "" {
			labels = "`" + strings.ReplaceAll(f.Labels, ", ", "`, `") + "` "
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s| %s |\n", f.Name, f.Type, labels, f.Help)
	}
	return b.String()
}

// TestMetricsAreListed holds the list of series against what a server shows, and both pages against its reasons.
func TestMetricsAreListed(t *testing.T) {
	page, err := os.ReadFile(metricsPage)
	if err != nil {
		t.Fatal(err)
	}
	operating, err := os.ReadFile(repository + "/docs/OPERATING.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := metricsOf(t, startTest(t, func(c *Config) {
		one := mount.DefaultOptions()
		one.TCP = "127.0.0.1:1"
		c.mounts = map[string]*mount.Options{"m": &one}
		c.Mode, c.Cluster.Membership.Node, c.Cluster.Links.Listen = nodes.Cluster, "n", "127.0.0.1:0"
	}))
	for _, mode := range []string{nodes.Frontend, nodes.Worker} {
		page := startTest(t, func(c *Config) {
			c.Mode, c.Cluster.Membership.Node, c.Cluster.Queue.Engine = mode, "n", "nats://127.0.0.1:1"
			c.MCP.StateKey = strings.Repeat("0f", 32)
		})
		for line := range strings.Lines(string(get(t, page, "/metrics", http.StatusOK))) {
			once := line
			if !strings.HasPrefix(line, "#") {
				once, _, _ = strings.Cut(line, " ")
			}
			if strings.Contains(line, "weir_cluster_queue_") && !strings.Contains(shown, once) {
				shown += line
			}
		}
	}
	headed := map[string]bool{}
	for _, match := range typeLine.FindAllStringSubmatch(shown, -1) {
		if headed[match[1]] {
			t.Errorf("the samples of %s stand in two places", match[1])
		}
		headed[match[1]] = true
	}
	word := regexp.MustCompile(`^[a-z_]+$`)
	for _, match := range sampleLine.FindAllStringSubmatch(shown, -1) {
		if name := match[1]; !headed[name] && !headed[strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(
			name, "_bucket"), "_sum"), "_count")] {
			t.Errorf("the server shows %s, which is not listed: a row in cmd/exposition/series.go, then make docs", name)
			headed[name] = true // it is told once, not for each of its samples
		}
		for _, reason := range reasonWord.FindAllStringSubmatch(match[2], -1) {
			if !word.MatchString(reason[1]) {
				t.Errorf("%s: the reason %q is no word: its constant misses its row", match[1], reason[1])
				continue
			}
			for name, text := range map[string][]byte{"docs/METRICS.md": page, "docs/OPERATING.md": operating} {
				if !strings.Contains(string(text), "`"+reason[1]+"`") {
					t.Errorf("%s: %s does not say what `%s` means: write it by hand, in docs/METRICS.md below the table of "+
						"its section, in docs/OPERATING.md under the heading of its kind", match[1], name, reason[1])
				}
			}
		}
	}
	for _, section := range exposition.Sections {
		for _, f := range section.Families {
			if !headed[f.Name] {
				t.Errorf("%s is listed, and the server does not show it", f.Name)
			}
		}
	}
}

// metricsOf is /metrics of a server that has a tool with a limit, and has served a call of a tool and one of another handler.
func metricsOf(t *testing.T, s *server) string {
	t.Helper()
	registry.AddTool(s.registry, &mcp.Tool{Name: "limited"}, func(context.Context, *mcp.CallToolRequest, struct{}) (
		*mcp.CallToolResult, any, error,
	) {
		return &mcp.CallToolResult{}, nil, nil
	}, registry.MaxConcurrent(1))
	s.registry.AddPrompt(&mcp.Prompt{Name: "p"},
		func(context.Context, *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) { return nil, nil })
	conn := dialTCP(t, s)
	answers := bufio.NewReader(conn)
	for _, call := range []string{fmt.Sprintf(sleepCall, 0), `{"jsonrpc":"2.0","id":2,"method":"prompts/get",` +
		`"params":{"name":"p","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",` +
		`"io.modelcontextprotocol/clientCapabilities":{}}}}` + "\n"} {
		fmt.Fprint(conn, call)
		if _, err := answers.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	return string(get(t, s, "/metrics", http.StatusOK))
}
