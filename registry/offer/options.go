package offer

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"weir/codec/option"
)

// Options say what of what is offered some principals see. What they do not see is to them as if it did not exist.
type Options struct {
	// Principals are who has this view: names of the tokens file, or uid:N of who comes over a Unix socket that is
	// trusted. "*" is everybody whom no other view names, and who need not say who they are.
	Principals []string `yaml:"principals" max:"10000"`
	// Tools are the tools that it shows, by the names that they have at http_path. A star is any number of characters.
	Tools Filter `yaml:"tools"`
	// Prompts are the prompts that it shows, likewise.
	Prompts Filter `yaml:"prompts"`
	// Resources are the resources and templates that it shows, by their URIs, likewise. What is denied is not read by a
	// template either.
	Resources Filter `yaml:"resources"`
}

// Filter says which names are offered: a star stands for any characters.
type Filter struct {
	// Allow are the names that are offered, without the prefix of a mount where it is said of a mount. Empty: all.
	Allow []string `yaml:"allow" max:"1000"`
	// Deny are names that are not, though they are allowed.
	Deny []string `yaml:"deny" max:"1000"`
}

// nameForm is what a view may be called.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$`)

// everybody is who no view names.
const everybody = "*"

// Check returns everything that is wrong with views, each with its key.
func Check(views map[string]*Options) option.Mistakes {
	var found option.Mistakes
	named := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(views)) {
		if !nameForm.MatchString(name) {
			found.Add("views."+name, "%s is not a name for a view: allowed are 1 to 32 of A-Z, a-z, 0-9, _ and -, the first "+
				"of them a letter or digit", option.Quote(name))
		}
		for i, principal := range views[name].Principals {
			at := option.Entry(option.Join("views", name)+".principals", i)
			if other, taken := named[principal]; taken {
				found.Add(at, "%s is in view %s already: allowed is each principal in one view", option.Quote(principal), other)
			}
			named[principal] = name
		}
		if len(views[name].Principals) == 0 {
			found.Add(option.Join("views", name)+".principals", `nobody has the view: allowed are names of principals, or "*" `+
				"for everybody whom no other view names")
		}
	}
	return found
}

// Allows says whether something of this name is offered.
func (f *Filter) Allows(name string) bool {
	return (len(f.Allow) == 0 || matchesAny(f.Allow, name)) && !matchesAny(f.Deny, name)
}

func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return Matches(p, name) })
}

// Matches says whether name has the form of a pattern, in which a star is any number of any characters. It takes time
// in proportion to both.
func Matches(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == name
	}
	rest, ok := strings.CutPrefix(name, parts[0])
	if !ok {
		return false
	}
	for _, part := range parts[1 : len(parts)-1] {
		at := strings.Index(rest, part)
		if at < 0 {
			return false
		}
		rest = rest[at+len(part):]
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}
