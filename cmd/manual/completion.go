package manual

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// Shells are those that Completion knows.
var Shells = []string{"bash", "zsh", "fish"}

// Completion writes the completion of one of Shells: the commands, the flags of each, and files behind flags that take
// one.
func Completion(out io.Writer, app *kong.Node, shell string) error {
	write := map[string]func(*kong.Node) string{"bash": bash, "zsh": zsh, "fish": fish}[shell]
	if write == nil {
		return fmt.Errorf("completion for %q: known are %s", shell, strings.Join(Shells, ", "))
	}
	_, err := io.WriteString(out, write(app))
	return err
}

// place is somewhere on the command line: after these commands come those words.
type place struct {
	commands string // "" at the beginning, else such as "load run"
	words    []word
}

// word is a command or a flag.
type word struct {
	text, help  string
	isFlag      bool
	takes, file bool // a flag that takes a value, and a file
}

// placesOf walks the tree of commands, the outer before the inner.
func placesOf(node *kong.Node, commands string) []place {
	here := place{commands: commands}
	var below []place
	for _, child := range node.Children {
		if child.Hidden {
			continue
		}
		here.words = append(here.words, word{text: child.Name, help: firstSentence(child.Help)})
		below = append(below, placesOf(child, strings.TrimSpace(commands+" "+child.Name))...)
	}
	for _, argument := range node.Positional {
		for _, value := range argument.EnumSlice() {
			here.words = append(here.words, word{text: value})
		}
	}
	for _, flag := range flagsOf(node) {
		here.words = append(here.words, word{text: "--" + flag.Name, help: firstSentence(flag.Help), isFlag: true,
			takes: !flag.IsBool(), file: flag.PlaceHolder == "FILE" || flag.PlaceHolder == "PATH"})
	}
	here.words = append(here.words, word{text: "--help", help: "Show help", isFlag: true})
	return append([]place{here}, below...)
}

// firstSentence is what fits beside a word.
func firstSentence(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	for _, end := range []string{". ", "; ", " ("} {
		text, _, _ = strings.Cut(text, end)
	}
	return strings.TrimSuffix(text, ".")
}

// function is the name of the shell function of a program.
func function(program string) string {
	return "_" + strings.Map(func(r rune) rune {
		if r == '-' || r == '.' {
			return '_'
		}
		return r
	}, program)
}

// bash finds the place by the words that are no flags, as far as they name commands.
func bash(app *kong.Node) string {
	var b strings.Builder
	name := function(app.Name)
	fmt.Fprintf(&b, "# bash completion for %s\n%s() {\n  local word at='' words='' files='' i\n", app.Name, name)
	b.WriteString("  COMPREPLY=()\n  word=${COMP_WORDS[COMP_CWORD]}\n  for ((i = 1; i < COMP_CWORD; i++)); do\n" +
		"    case \"$at ${COMP_WORDS[i]}\" in\n")
	places := placesOf(app, "")
	for _, p := range places[1:] {
		fmt.Fprintf(&b, "      ' %s') at=' %s' ;;\n", p.commands, p.commands)
	}
	b.WriteString("    esac\n  done\n  case \"$at\" in\n")
	for _, p := range places {
		var words, files []string
		for _, w := range p.words {
			words = append(words, w.text)
			if w.file {
				files = append(files, w.text)
			}
		}
		at := p.commands
		if at != "" {
			at = " " + at
		}
		fmt.Fprintf(&b, "    '%s') words='%s' files='%s' ;;\n", at, strings.Join(words, " "), strings.Join(files, " "))
	}
	b.WriteString("  esac\n  if [[ \" $files \" == *\" ${COMP_WORDS[COMP_CWORD - 1]} \"* ]]; then\n" +
		"    mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n    return\n  fi\n" +
		"  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n}\n")
	fmt.Fprintf(&b, "complete -o filenames -F %s %s\n", name, app.Name)
	return b.String()
}

// zsh describes the words of a place; the place is found as in bash.
func zsh(app *kong.Node) string {
	var b strings.Builder
	fmt.Fprintf(&b, "#compdef %s\n%s() {\n  local at='' i\n  local -a words_here\n", app.Name, function(app.Name))
	b.WriteString("  for ((i = 2; i < CURRENT; i++)); do\n    case \"$at ${words[i]}\" in\n")
	places := placesOf(app, "")
	for _, p := range places[1:] {
		fmt.Fprintf(&b, "      ' %s') at=' %s' ;;\n", p.commands, p.commands)
	}
	b.WriteString("    esac\n  done\n  case \"$at\" in\n")
	for _, p := range places {
		at := p.commands
		if at != "" {
			at = " " + at
		}
		fmt.Fprintf(&b, "    '%s')\n      words_here=(\n", at)
		for _, w := range p.words {
			fmt.Fprintf(&b, "        '%s:%s'\n", w.text, quoted(strings.ReplaceAll(w.help, ":", `\:`), `'\''`))
		}
		b.WriteString("      )\n      ;;\n")
	}
	b.WriteString("  esac\n  if [[ $words[CURRENT-1] == --* ]]; then _files; fi\n" +
		"  _describe 'command or flag' words_here\n}\n")
	fmt.Fprintf(&b, "if [ \"$funcstack[1]\" = %s ]; then %s \"$@\"; else compdef %s %s; fi\n", function(app.Name),
		function(app.Name), function(app.Name), app.Name)
	return b.String()
}

// fish has a line for each word, with the commands that must have been said.
func fish(app *kong.Node) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# fish completion for %s\ncomplete -c %s -f\n", app.Name, app.Name)
	for _, p := range placesOf(app, "") {
		condition := "__fish_use_subcommand"
		if p.commands != "" {
			condition = "__fish_seen_subcommand_from " + strings.ReplaceAll(p.commands, " ",
				"; and __fish_seen_subcommand_from ")
		}
		for _, w := range p.words {
			fmt.Fprintf(&b, "complete -c %s -n '%s'", app.Name, condition)
			switch {
			case !w.isFlag:
				fmt.Fprintf(&b, " -a %s", w.text)
			default:
				fmt.Fprintf(&b, " -l %s", strings.TrimPrefix(w.text, "--"))
				if w.takes {
					b.WriteString(" -r")
				}
				if w.file {
					b.WriteString(" -F")
				}
			}
			fmt.Fprintf(&b, " -d '%s'\n", quoted(w.help, `\'`))
		}
	}
	return b.String()
}

// quoted is text inside of single quotes; quote is how the shell writes one there.
func quoted(text, quote string) string { return strings.ReplaceAll(text, "'", quote) }
