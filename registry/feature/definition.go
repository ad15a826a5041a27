package feature

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry/protocol"
	"weir/registry/value"
)

// Definition is what a list holds of one entry, whatever its kind. Immutable once its entry was added to a set.
type Definition struct {
	// Name is what the entry is known and sorted by: a tool's or prompt's name, a resource's URI, a template's text.
	Name string

	encoded [protocol.RevisionCount][]byte // its object in the list, as each revision knows it
}

// entry is the part of an entry that sets and lists work with.
func (d *Definition) entry() *Definition { return d }

// Encoded is the definition as a list of the revision at a place in the table has it. Nobody writes to it.
func (d *Definition) Encoded(revision int) []byte { return d.encoded[revision] }

// Entry is a type that embeds a Definition.
type Entry interface{ entry() *Definition }

// encode prepares the definition for every revision; visible returns what a revision knows of it.
func (d *Definition) encode(maxBytes int, visible func(rev *protocol.Revision) any) error {
	for i := range protocol.RevisionCount {
		text, err := value.Marshal(visible(protocol.RevisionAt(i)))
		if err != nil {
			return err
		}
		if len(text) > maxBytes {
			return fmt.Errorf("the definition is %d bytes long, allowed is half of max_result_bytes (%d)",
				len(text), maxBytes)
		}
		if i > 0 && bytes.Equal(text, d.encoded[i-1]) {
			text = d.encoded[i-1]
		}
		d.encoded[i] = text
	}
	return nil
}

// hide clears what every definition may have and the revision does not know.
func hide(rev *protocol.Revision, title *string, meta *mcp.Meta, icons *[]mcp.Icon) {
	if !rev.Titles {
		*title, *meta = "", nil
	}
	if !rev.Icons {
		*icons = nil
	}
}

// annotations is the part of some that a revision knows: resources had annotations before tools did, but not since
// when.
func annotations(rev *protocol.Revision, a *mcp.Annotations) *mcp.Annotations {
	if a == nil || rev.Titles {
		return a
	}
	v := *a
	v.LastModified = ""
	return &v
}

// checkIcons refuses icons that the schema of MCP does not allow.
func checkIcons(icons []mcp.Icon) error {
	for i, icon := range icons {
		switch {
		case icon.Source == "":
			return fmt.Errorf("icons[%d]: src is missing", i)
		case icon.Theme != "" && icon.Theme != mcp.IconThemeLight && icon.Theme != mcp.IconThemeDark:
			return fmt.Errorf("icons[%d]: the theme must be light or dark", i)
		}
	}
	return nil
}

// maxNameBytes is the length the specification gives tool names (MCP 2025-11-25, server/tools, tool names), and prompts
// here; tool names are metric labels and header values too.
const maxNameBytes = 128

// checkName refuses names that could not be a line of a list, a header or a metric label. The specification only
// recommends its character set, and names of other servers are not ours to choose.
func checkName(name string) error {
	if name == "" || len(name) > maxNameBytes {
		return fmt.Errorf("the name is %d bytes long, allowed is 1 to %d", len(name), maxNameBytes)
	}
	return checkText("name", name)
}

func checkText(what, text string) error {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return fmt.Errorf("the %s must be UTF-8 without control characters", what)
	}
	return nil
}
