package check

import (
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"weir/cmd/mounts"
	"weir/codec/option"
	"weir/reactor/mount"
	"weir/registry/finder"
)

// Flags are those of the command.
type Flags struct {
	Config string `arg:"" name:"CONFIG" help:"The configuration file, the same as for ${program} serve --config."`
}

// Help is what stands below the flags.
func (Flags) Help() string {
	return `Reads a configuration file as ${program} serve does, in this environment and on this machine, and starts
nothing. If it is good, it says what would be served: the listeners, each limit that is not as by default, and each
mount with its command, where that was found, and what its filters leave. If it is not, it says all that is wrong, each
with file, line and column, and what is allowed. Beyond what ${program} serve refuses these are: a command that is not
found, a folder (cwd) that is not there, a name of a tool above 64 characters, and one name of two mounts.

  ${program} check /etc/${program}.yaml && systemctl kill -s HUP ${program}

Exit codes: 0 it is good; 2 it is not.`
}

// Subject is a configuration that was read. Nothing of it is changed.
type Subject struct {
	Program          string
	File             string
	Config, Defaults any // pointers to options of one type
	Places           option.Places
	Mistakes         option.Mistakes // that were found in it already
	Written, Mounts  map[string]*mount.Options
	Demo             bool
	Path             string // of the main endpoint, without a slash at its end
	Listeners        []Listener
	Search           finder.Options
}

// Listener is where clients or operators come; an address of "" is off.
type Listener struct{ Name, Address string }

// secrets are keys whose values are not shown.
var secrets = []string{"mcp.state_key"}

// Run says what would be served, or on stderr what is wrong, and returns the exit code.
func Run(s Subject, stdout, stderr io.Writer) int {
	s.Mistakes.AddNew(mounts.Examine(s.Mounts, s.Places))
	if len(s.Mistakes) > 0 {
		what := "mistakes"
		if len(s.Mistakes) == 1 {
			what = "mistake"
		}
		fmt.Fprintf(stderr, "%v\n%s: %s has %d %s\n", s.Mistakes, s.Program, s.File, len(s.Mistakes), what)
		return 2
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s is good: nothing was started\n\nlisteners\n", s.File)
	for _, l := range s.Listeners {
		if l.Address == "" {
			l.Address = "off"
		}
		fmt.Fprintf(&b, "  %-8s %s\n", l.Name, l.Address)
	}
	s.writeChanged(&b)
	if s.Demo {
		b.WriteString("\ntools\n  the demonstration tools (demo: true)\n")
	}
	if len(s.Written) > 0 {
		b.WriteString("\nmounts\n")
	}
	for _, name := range slices.Sorted(maps.Keys(s.Written)) {
		s.writeMount(&b, name)
	}
	fmt.Fprintf(&b, "\nsearch\n  %s\n", s.Search.Describe(s.knownTools()))
	if _, err := io.WriteString(stdout, b.String()); err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", s.Program, err)
		return 1
	}
	return 0
}

// knownTools is how many tools are known to be offered, and whether there may be more.
func (s *Subject) knownTools() (known int, more bool) {
	more = s.Demo
	for name, o := range s.Mounts {
		naming := o.Naming(name)
		known += len(naming.Foresee().Names)
		more = more || len(o.Tools.Allow) == 0 || slices.ContainsFunc(o.Tools.Allow, func(pattern string) bool {
			return strings.Contains(pattern, "*")
		})
	}
	return known, more
}

// writeChanged lists what is not as by default, but for listeners and mounts, which have lists of their own.
func (s *Subject) writeChanged(b *strings.Builder) {
	defaults := map[string]option.Field{}
	option.Walk(s.Defaults, func(f option.Field) { defaults[f.Key] = f })
	others := []string{"mounts", "demo"}
	for _, l := range s.Listeners {
		others = append(others, l.Name)
	}
	title := "\nnot as by default\n"
	option.Walk(s.Config, func(f option.Field) {
		first, _, _ := strings.Cut(f.Key, ".")
		was, has := defaults[f.Key]
		if f.Kind == option.Section || slices.Contains(others, first) || f.Kind == option.Named ||
			has && reflect.DeepEqual(was.Value.Interface(), f.Value.Interface()) {
			return
		}
		value, instead := f.String(), ""
		if slices.Contains(secrets, f.Key) {
			value = "(not shown)"
		} else if has {
			instead = "instead of " + quoted(was)
		}
		if value == "" {
			value = `""`
		}
		if _, written := s.Places[f.Key]; !written {
			instead += ", by the preset or for this machine"
		}
		fmt.Fprintf(b, "%s  %-34s %-14s %s\n", title, f.Key, value, strings.TrimPrefix(instead, ", "))
		title = ""
	})
}

func quoted(f option.Field) string {
	if text := f.String(); text != "" {
		return text
	}
	return `""`
}

// addresses are the keys that say where a server is that is not started, and where its token is.
var addresses = []string{"unix", "tcp", "url", "token_file"}

// writeMount says what a mount is. Texts are shown as they are written, with their variables.
func (s *Subject) writeMount(b *strings.Builder, name string) {
	o := s.Written[name]
	fmt.Fprintf(b, "  %s\n", name)
	say := func(about, text string) { fmt.Fprintf(b, "    %-10s %s\n", about, text) }
	option.Walk(o, func(f option.Field) {
		if slices.Contains(addresses, f.Key) && f.String() != "" {
			say(f.Key, f.String())
		}
	})
	if o.Command != "" {
		say("command", strings.Join(append([]string{o.Command}, o.Args...), " "))
		if path, err := mounts.Find(s.Mounts[name].Command); err == nil && path != o.Command {
			say("found", path)
		}
		if len(o.Env) > 0 {
			say("env", withoutValues(o.Env))
		}
	}
	if len(o.Headers) > 0 {
		say("headers", withoutValues(o.Headers))
	}
	naming := o.Naming(name)
	say("endpoint", s.Path+"/"+name)
	say("tools", naming.Describe())
	seen := naming.Foresee()
	for _, i := range seen.Hidden {
		say("hidden", fmt.Sprintf("%q is allowed, and denied again", o.Tools.Allow[i]))
	}
	for _, i := range seen.Idle {
		say("idle", fmt.Sprintf("%q denies nothing that is allowed", o.Tools.Deny[i]))
	}
}

// withoutValues are the names of what may be secret.
func withoutValues(named map[string]string) string {
	return strings.Join(slices.Sorted(maps.Keys(named)), ", ") + " (values are not shown)"
}
