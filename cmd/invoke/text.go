package invoke

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// writeResult prints what a tool answered, for eyes.
func writeResult(stdout io.Writer, r *mcp.CallToolResult) error {
	var b strings.Builder
	for _, one := range r.Content {
		switch c := one.(type) {
		case *mcp.TextContent:
			b.WriteString(c.Text)
		case *mcp.ImageContent:
			fmt.Fprintf(&b, "[image, %s, %d bytes]", c.MIMEType, len(c.Data))
		case *mcp.AudioContent:
			fmt.Fprintf(&b, "[audio, %s, %d bytes]", c.MIMEType, len(c.Data))
		case *mcp.ResourceLink:
			fmt.Fprintf(&b, "[resource %s, %s]", c.URI, c.Name)
		case *mcp.EmbeddedResource:
			writeResource(&b, c.Resource)
		default:
			fmt.Fprintf(&b, "[content of another kind, --raw shows it]")
		}
		if text := b.String(); !strings.HasSuffix(text, "\n") {
			b.WriteByte('\n')
		}
	}
	if b.Len() == 0 && r.StructuredContent != nil {
		return writeJSON(stdout, r.StructuredContent)
	}
	_, err := io.WriteString(stdout, visible(b.String()))
	return err
}

func writeResource(b *strings.Builder, r *mcp.ResourceContents) {
	switch {
	case r == nil:
	case r.Text != "":
		b.WriteString(r.Text)
	default:
		fmt.Fprintf(b, "[resource %s, %s, %d bytes]", r.URI, r.MIMEType, len(r.Blob))
	}
}

// visible replaces what would move a terminal's cursor or change its colours.
func visible(text string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) && c != '\n' && c != '\t' {
			return unicode.ReplacementChar
		}
		return c
	}, text)
}

// writeTools prints tools with their arguments: those in brackets may be left out.
func writeTools(stdout io.Writer, all []*mcp.Tool) error {
	var b strings.Builder
	for _, tool := range all {
		var s schema
		if text, err := json.Marshal(tool.InputSchema); err == nil {
			_ = json.Unmarshal(text, &s) // one of another form has no arguments to show
		}
		b.WriteString(tool.Name)
		for _, key := range slices.SortedFunc(maps.Keys(s.Properties), func(a, b string) int {
			return order(&s, a, b)
		}) {
			text := key + "=" + kind(s.Properties[key])
			if !slices.Contains(s.Required, key) {
				text = "[" + text + "]"
			}
			b.WriteString(" " + text)
		}
		b.WriteByte('\n')
		if first, _, _ := strings.Cut(strings.TrimSpace(tool.Description), "\n"); first != "" {
			b.WriteString("    " + first + "\n")
		}
	}
	_, err := io.WriteString(stdout, visible(b.String()))
	return err
}

// order has arguments that must be given first.
func order(s *schema, a, b string) int {
	isA, isB := slices.Contains(s.Required, a), slices.Contains(s.Required, b)
	switch {
	case isA && !isB:
		return -1
	case isB && !isA:
		return 1
	}
	return strings.Compare(a, b)
}

// kind says in a word what an argument is.
func kind(s *schema) string {
	if s != nil && len(s.Enum) > 0 && len(s.Enum) <= 8 {
		var words []string
		for _, one := range s.Enum {
			words = append(words, fmt.Sprint(one))
		}
		return strings.Join(words, "|")
	}
	if types := s.types(); len(types) > 0 {
		return strings.Join(types, "|")
	}
	return "any"
}
