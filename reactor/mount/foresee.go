package mount

import "strings"

// What can be known of a mount's tools before it runs.

// MaxNameBytes is what models take as the name of a tool (of [A-Za-z0-9_-]), though MCP would have 128. A tool with a
// longer one is not offered.
const MaxNameBytes = maxNameBytes

// Foreseen is what the filter of a mount says about tools that nobody has listed yet.
type Foreseen struct {
	// Names are the names under which its tools are offered, by the index in Filter.Allow: of those that are named in
	// full, if there is such a tool.
	Names map[int]string
	// Hidden are the indices in Filter.Allow of which Filter.Deny leaves nothing.
	Hidden []int
	// Idle are the indices in Filter.Deny that hide nothing, since all that is allowed is named in full and other.
	Idle []int
}

// Foresee says what can be known of the tools of the mount of that name.
func (o *Options) Foresee(mount string) Foreseen {
	f := Foreseen{Names: map[int]string{}}
	allInFull := len(o.Tools.Allow) > 0
	for i, name := range o.Tools.Allow {
		inFull := !strings.Contains(name, "*")
		allInFull = allInFull && inFull
		// A pattern that matches another as a text matches whatever that one does.
		if matchesAny(o.Tools.Deny, name) {
			f.Hidden = append(f.Hidden, i)
		} else if inFull {
			f.Names[i] = o.offered(mount, name)
		}
	}
	for i, pattern := range o.Tools.Deny {
		hides := !allInFull
		for _, name := range o.Tools.Allow {
			hides = hides || matches(pattern, name)
		}
		if !hides {
			f.Idle = append(f.Idle, i)
		}
	}
	return f
}

// Describe says in a line which tools of the mount of that name are offered, and as what.
func (o *Options) Describe(mount string) string {
	text := "all"
	if allow := o.Tools.Allow; len(allow) > 0 {
		text = strings.Join(allow, ", ")
	}
	if deny := o.Tools.Deny; len(deny) > 0 {
		text += ", but not " + strings.Join(deny, ", ")
	}
	return text + ", as " + o.offered(mount, "*")
}
