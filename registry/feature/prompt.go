package feature

import (
	"fmt"
	"slices"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"weir/registry/protocol"
)

// Prompt is the definition of a prompt.
type Prompt struct {
	Definition
	// Arguments are those that the definition names, no two alike.
	Arguments []*mcp.PromptArgument
}

// DefinePrompt checks a definition and encodes it for each revision, each form in at most maxBytes. d must not be
// changed afterwards.
func DefinePrompt(d *mcp.Prompt, maxBytes int) (Prompt, error) {
	p := Prompt{Definition: Definition{Name: d.Name}, Arguments: d.Arguments}
	if err := checkName(d.Name); err != nil {
		return p, err
	}
	for i, a := range d.Arguments {
		if a == nil || a.Name == "" {
			return p, fmt.Errorf("argument %d has no name", i)
		}
		same := func(other *mcp.PromptArgument) bool { return other.Name == a.Name }
		if slices.ContainsFunc(d.Arguments[:i], same) {
			return p, fmt.Errorf("argument %q is there twice", a.Name)
		}
	}
	if err := checkIcons(d.Icons); err != nil {
		return p, err
	}
	return p, p.encode(maxBytes, func(rev *protocol.Revision) any { return visiblePrompt(d, rev) })
}

// Takes says whether the definition names the argument.
func (p *Prompt) Takes(argument string) bool {
	return slices.ContainsFunc(p.Arguments, func(a *mcp.PromptArgument) bool { return a.Name == argument })
}

// visiblePrompt is the part of a definition that a revision knows.
func visiblePrompt(d *mcp.Prompt, rev *protocol.Revision) *mcp.Prompt {
	v := *d
	hide(rev, &v.Title, &v.Meta, &v.Icons)
	if !rev.Titles {
		v.Arguments = slices.Clone(d.Arguments)
		for i, a := range v.Arguments {
			untitled := *a
			untitled.Title = ""
			v.Arguments[i] = &untitled
		}
	}
	return &v
}
