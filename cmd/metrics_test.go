package cmd

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

var (
	seriesLine = regexp.MustCompile(`(?m)^(weir_[a-z0-9_]+)(?:\{([^}]*)\})? `)
	reasonWord = regexp.MustCompile(`reason="([a-z_]+)"`)
	pageSeries = regexp.MustCompile("`(weir_[a-z0-9_]+)`")
)

// TestDocsMetrics holds docs/METRICS.md against what a server shows, and docs/OPERATING.md against its reasons.
func TestDocsMetrics(t *testing.T) {
	text, err := os.ReadFile(repository + "/docs/METRICS.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	operating, err := os.ReadFile(repository + "/docs/OPERATING.md")
	if err != nil {
		t.Fatal(err)
	}
	s := startTest(t, nil)
	conn := dialTCP(t, s)
	// Histograms appear with their first value.
	none := func(context.Context, *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) { return nil, nil }
	s.registry.AddPrompt(&mcp.Prompt{Name: "p"}, none)
	answers := bufio.NewReader(conn)
	for _, call := range []string{fmt.Sprintf(sleepCall, 0),
		`{"jsonrpc":"2.0","id":2,"method":"prompts/get","params":{"name":"p",` +
			`"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",` +
			`"io.modelcontextprotocol/clientCapabilities":{}}}}` + "\n"} {
		fmt.Fprint(conn, call)
		if _, err := answers.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	shown := map[string]bool{}
	for _, match := range seriesLine.FindAllStringSubmatch(string(get(t, s, "/metrics", http.StatusOK)), -1) {
		name := match[1]
		if strings.Contains(match[2], "vmrange=") {
			name = strings.TrimSuffix(name, "_bucket")
		}
		shown[name] = true
		for _, reason := range reasonWord.FindAllStringSubmatch(match[2], -1) {
			if !strings.Contains(page, "`"+reason[1]+"`") {
				t.Errorf("%s: the page does not say what %s means", name, reason[1])
			}
			if !strings.Contains(string(operating), "`"+reason[1]+"`") {
				t.Errorf("%s: docs/OPERATING.md does not say what %s means", name, reason[1])
			}
		}
	}
	for name := range shown {
		base, isPart := strings.CutSuffix(strings.TrimSuffix(name, "_sum"), "_count")
		isPart = isPart || strings.HasSuffix(name, "_sum")
		if isPart && shown[base] {
			delete(shown, name) // of a histogram
		}
	}
	var listed []string
	for _, match := range pageSeries.FindAllStringSubmatch(page, -1) {
		listed = append(listed, match[1])
		if !shown[match[1]] {
			t.Errorf("the page names %s, which the server does not show", match[1])
		}
	}
	for name := range shown {
		if !slices.Contains(listed, name) {
			t.Errorf("the server shows %s, which the page does not name", name)
		}
	}
}
