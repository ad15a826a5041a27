package shelf

import (
	"maps"
	"slices"
	"strings"

	"weir/codec/option"
	"weir/registry/offer"
)

// Tools says which tools of a mount are offered, and as what. All names are those that the mount's server gives them.
type Tools struct {
	offer.Filter `yaml:",inline"`
	// Rename says how tools are called instead: from the server's name to the one that takes its place, before the prefix
	// comes to it.
	Rename map[string]string `yaml:"rename" max:"1000"`
	// Describe says what clients read of tools in place of the server's description.
	Describe map[string]string `yaml:"describe" max:"1000"`
}

// MaxNameBytes is what models take as the name of a tool (of [A-Za-z0-9_-]), though MCP would have 128. A tool with a
// longer one is not offered.
const MaxNameBytes = 64

// maxDescriptionBytes bounds a description: models read all of them.
const maxDescriptionBytes = 8 << 10

// Naming is how a mount's tools and prompts are called.
type Naming struct {
	Mount  string // its name
	Prefix string // NAME in it stands for that
	Tools  *Tools
}

// prefixed is a name at the main endpoint.
func (n *Naming) prefixed(name string) string {
	return strings.ReplaceAll(n.Prefix, "NAME", n.Mount) + name
}

// renamed is what a tool is called here, without the prefix.
func (t *Tools) renamed(name string) string {
	if other, has := t.Rename[name]; has {
		return other
	}
	return name
}

// Check finds what is wrong with the names, whatever the server lists.
func (t *Tools) Check(found *option.Mistakes) {
	from := map[string]string{}
	for _, old := range slices.Sorted(maps.Keys(t.Rename)) {
		at, now := option.Join("tools.rename", old), t.Rename[old]
		switch other, taken := from[now]; {
		case now == "" || len(now) > MaxNameBytes || strings.ContainsFunc(now, isStrange):
			found.Add(at, "%s is not a name for a tool: allowed are 1 to %d letters, digits and signs without blanks",
				option.Quote(now), MaxNameBytes)
		case taken:
			found.Add(at, "%s and %s are both called %s: allowed is each name once", option.Quote(old), option.Quote(other),
				option.Quote(now))
		case t.stays(now):
			found.Add(at, "%s is called %s, which tools.allow has too: allowed is each name once", option.Quote(old),
				option.Quote(now))
		case !t.Allows(old):
			found.Add(at, "%s is not offered, as tools.allow and tools.deny say: allowed is a tool that is", option.Quote(old))
		}
		from[now] = old
	}
	for _, name := range slices.Sorted(maps.Keys(t.Describe)) {
		at, text := option.Join("tools.describe", name), t.Describe[name]
		switch {
		case text == "" || len(text) > maxDescriptionBytes:
			found.Add(at, "a description of %d bytes: allowed are 1 to %d", len(text), maxDescriptionBytes)
		case !t.Allows(name):
			found.Add(at, "%s is not offered, as tools.allow and tools.deny say: allowed is a tool that is", option.Quote(name))
		}
	}
}

// isStrange says of a character that names of tools have none like it.
func isStrange(c rune) bool { return c <= ' ' || c > '~' }

// stays says whether a tool is allowed in full, by its name, and keeps it.
func (t *Tools) stays(name string) bool {
	_, renamed := t.Rename[name]
	return !renamed && slices.Contains(t.Allow, name) && t.Allows(name)
}

// Foreseen is what can be said of a mount's tools that nobody has listed yet.
type Foreseen struct {
	// Names are the names under which its tools are offered, by the key at which they are named in full, if there is such
	// a tool.
	Names map[string]string
	// Hidden are the indices in Filter.Allow of which Filter.Deny leaves nothing.
	Hidden []int
	// Idle are the indices in Filter.Deny that hide nothing, since all that is allowed is named in full and other.
	Idle []int
}

// Foresee says what can be known of the tools of a mount before it runs.
func (n *Naming) Foresee() Foreseen {
	f, t := Foreseen{Names: map[string]string{}}, n.Tools
	allInFull := len(t.Allow) > 0
	deny := offer.Filter{Deny: t.Deny}
	for i, name := range t.Allow {
		inFull := !strings.Contains(name, "*")
		allInFull = allInFull && inFull
		// A pattern that matches another as a text matches whatever that one does.
		if !deny.Allows(name) {
			f.Hidden = append(f.Hidden, i)
		} else if inFull {
			f.Names[option.Entry("tools.allow", i)] = n.prefixed(t.renamed(name))
		}
	}
	for old, now := range t.Rename {
		if !slices.Contains(t.Allow, old) && t.Allows(old) {
			f.Names[option.Join("tools.rename", old)] = n.prefixed(now)
		}
	}
	for i, pattern := range t.Deny {
		hides := !allInFull
		for _, name := range t.Allow {
			hides = hides || offer.Matches(pattern, name)
		}
		if !hides {
			f.Idle = append(f.Idle, i)
		}
	}
	return f
}

// Describe says in a line which tools of the mount are offered, and as what.
func (n *Naming) Describe() string {
	text, t := "all", n.Tools
	if len(t.Allow) > 0 {
		text = strings.Join(t.Allow, ", ")
	}
	if len(t.Deny) > 0 {
		text += ", but not " + strings.Join(t.Deny, ", ")
	}
	text += ", as " + n.prefixed("*")
	for _, old := range slices.Sorted(maps.Keys(t.Rename)) {
		text += ", " + old + " as " + n.prefixed(t.Rename[old])
	}
	return text
}

// unknown are names of which something is said and that the server has not listed.
func (t *Tools) unknown(listed map[string]bool) (names []string) {
	for name := range t.Rename {
		if !listed[name] {
			names = append(names, "tools.rename."+name)
		}
	}
	for name := range t.Describe {
		if !listed[name] {
			names = append(names, "tools.describe."+name)
		}
	}
	slices.Sort(names)
	return names
}
