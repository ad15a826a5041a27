package cmd

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"weir/backpressure/alert"
)

// leastWords is how short what stands under a heading may be: what it means and what to do.
const leastWords = 8

// TestDocsHeadings: docs/OPERATING.md has a heading for every alert, every refusal and every end of a connection, in
// its chapter, with words under it. Several reasons may share one.
func TestDocsHeadings(t *testing.T) {
	text, err := os.ReadFile(repository + "/docs/OPERATING.md")
	if err != nil {
		t.Fatal(err)
	}
	under := map[string]map[string]string{} // by chapter and heading
	for _, chapter := range strings.Split(string(text), "\n## ")[1:] {
		title, rest, _ := strings.Cut(chapter, "\n")
		under[title] = map[string]string{}
		for _, section := range strings.Split(rest, "\n### ")[1:] {
			heading, body, _ := strings.Cut(section, "\n")
			under[title][heading] = body
		}
	}
	holds := func(chapter, word string) {
		t.Helper()
		for heading, body := range under[chapter] {
			if heading == word || strings.Contains(heading, "`"+word+"`") {
				if n := len(strings.Fields(body)); n < leastWords {
					t.Errorf("under %s, %s, stand %d words: say what it means and what to do", chapter, heading, n)
				}
				return
			}
		}
		t.Errorf("docs/OPERATING.md has no heading for %s under %q", word, chapter)
	}
	shown, found := metricsOf(t, startTest(t, nil)), 0
	for series, chapter := range map[string]string{
		"weir_refusals_total":           "Why a message or a connection was refused",
		"weir_connections_closed_total": "Why a connection ended",
	} {
		for _, match := range regexp.MustCompile(series+`\{reason="(\w+)"\}`).FindAllStringSubmatch(shown, -1) {
			found++
			holds(chapter, match[1])
		}
	}
	for _, rule := range alert.Names() {
		found++
		holds("Alerts", rule)
	}
	if found < 35 {
		t.Errorf("only %d reasons and alerts were found", found)
	}
}
