package imports

import (
	"fmt"
	"regexp"
	"strings"
)

// What clients put into texts with ${...}, as a mount understands it (docs/GATEWAY.md).

// variableForm is ${VAR}, with ${env:VAR} of editors, and ${VAR:-default}.
var variableForm = regexp.MustCompile(`^(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(:-.*)?$`)

// editorForm is what only an editor knows.
var editorForm = regexp.MustCompile(`^(workspace|file|relativeFile|selectedText|command:|config:|cwd$|execPath|line)`)

// translate rewrites the variables of a text that stands at a key. What is not set here becomes empty until it is, so
// that the configuration is good without it.
func (s *server) translate(key, text string) string {
	var b strings.Builder
	for {
		before, inner, found := strings.Cut(text, "${")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		inner, rest, closed := strings.Cut(inner, "}")
		if !closed || strings.HasSuffix(before, "$") {
			b.WriteString("$${") // as it stands
			text = text[len(before)+2:]
			continue
		}
		text = rest
		switch form := variableForm.FindStringSubmatch(inner); {
		case strings.HasPrefix(inner, "input:"):
			name := variableName(strings.TrimPrefix(inner, "input:"))
			s.note("%s: the editor asked its user for %q; here it is the variable %s of the environment", key,
				strings.TrimPrefix(inner, "input:"), name)
			b.WriteString(s.variable(key, name))
		case inner == "userHome":
			b.WriteString(s.variable(key, "HOME"))
		case inner == "/" || inner == "pathSeparator":
			b.WriteString("/")
		case editorForm.MatchString(inner):
			s.leaveOut("%s: ${%s} is the editor's, and nobody has it here: write what it stands for", key, inner)
			b.WriteString("$${" + inner + "}")
		case form == nil:
			b.WriteString("$${" + inner + "}")
		case form[2] != "":
			b.WriteString("${" + form[1] + form[2] + "}")
		default:
			b.WriteString(s.variable(key, form[1]))
		}
	}
}

func (s *server) variable(key, name string) string {
	if _, set := s.lookup(name); set {
		return "${" + name + "}"
	}
	s.note("%s: the variable %s is not set here, and is empty until it is", key, name)
	return "${" + name + ":-}"
}

// variableName makes the name of a variable of an id: API_KEY of api-key.
func variableName(id string) string {
	name := strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z':
			return c - 'a' + 'A'
		case c >= 'A' && c <= 'Z' || c >= '0' && c <= '9':
			return c
		}
		return '_'
	}, id)
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = "_" + name
	}
	return name
}

func (s *server) note(format string, args ...any) {
	s.notes = append(s.notes, fmt.Sprintf(format, args...))
}

func (s *server) leaveOut(format string, args ...any) {
	s.reasons = append(s.reasons, fmt.Sprintf(format, args...))
}
