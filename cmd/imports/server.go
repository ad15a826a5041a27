package imports

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"weir/cmd/mounts"
	"weir/codec/option"
	"weir/codec/yaml"
	"weir/reactor/mount"
)

// server is one that a client has written down, on its way to a mount.
type server struct {
	name    string
	before  string // the configuration so far
	lookup  func(name string) (string, bool)
	lines   []string // of the mount, below its name
	notes   []string // what whoever imports should know
	reasons []string // why it is left out; none: it is not
}

// ours are the keys of clients that say what a mount's keys say.
var ours = []string{"type", "transport", "command", "args", "env", "cwd", "url", "serverUrl", "httpUrl", "headers",
	"disabled", "enabled", "tools", "includeTools", "excludeTools", "disabledTools"}

// take makes a mount of what stands under a server's name.
func (s *server) take(written any) {
	o, is := written.(object)
	if !is {
		s.leaveOut("what stands under its name is no object")
		return
	}
	if o.get("disabled") == true || o.get("enabled") == false {
		s.leaveOut("the client has it disabled")
	}
	s.takeWay(o)
	s.takeFilter(o)
	var others []string
	for _, m := range o {
		if !slices.Contains(ours, m.key) {
			others = append(others, m.key)
		}
	}
	if len(others) > 0 {
		s.note("not taken over: %s (docs/CONFIG.md has what a mount can be told)", strings.Join(others, ", "))
	}
	if len(s.reasons) == 0 {
		s.judge()
	}
}

// takeWay takes what says how the server is reached.
func (s *server) takeWay(o object) {
	kind, _ := o.get("type").(string)
	if kind == "" {
		kind, _ = o.get("transport").(string)
	}
	command, _ := o.get("command").(string)
	var url string
	for _, key := range []string{"url", "serverUrl", "httpUrl"} {
		if text, is := o.get(key).(string); is && url == "" {
			url = text
		}
	}
	switch {
	case strings.EqualFold(kind, "sse"),
		kind == "" && command == "" && strings.HasSuffix(strings.TrimRight(url, "/"), "/sse"):
		s.leaveOut("it speaks HTTP+SSE, the transport of 2024-11-05, which is not spoken to mounts: many servers have /mcp " +
			"beside /sse")
	case strings.HasPrefix(strings.ToLower(kind), "ws"), strings.EqualFold(kind, "websocket"):
		s.leaveOut("it is reached over WebSocket, which is not spoken to mounts")
	}
	switch {
	case command != "":
		s.line("command: %s", quote(s.translate("command", command)))
		s.takeArgs(o.get("args"))
		s.takeMap("env", o.get("env"))
		if cwd, is := o.get("cwd").(string); is && cwd != "" {
			s.line("cwd: %s", quote(s.translate("cwd", cwd)))
		}
	case url != "":
		s.line("url: %s", quote(s.translate("url", url)))
		s.takeMap("headers", o.get("headers"))
	default:
		s.leaveOut("it has neither a command nor a url")
	}
}

func (s *server) takeArgs(written any) {
	list, is := written.([]any)
	if written != nil && !is {
		s.leaveOut("args is no list")
	}
	var args []string
	for i, one := range list {
		if text, ok := textOf(one); ok {
			args = append(args, quote(s.translate(fmt.Sprintf("args[%d]", i), text)))
		} else {
			s.leaveOut("args[%d] is no text", i)
		}
	}
	if len(args) > 0 {
		s.line("args: [%s]", strings.Join(args, ", "))
	}
}

// secretName is what variables and headers with secrets are mostly called.
var secretName = regexp.MustCompile(`(?i)token|key|secret|passw|credential|auth|_pat$`)

// takeMap takes env or headers.
func (s *server) takeMap(key string, written any) {
	entries, is := written.(object)
	if written != nil && !is {
		s.leaveOut("%s is no object", key)
	}
	var lines []string
	for _, one := range entries {
		at := key + "." + one.key
		text, ok := textOf(one.value)
		switch {
		case one.value == nil:
			s.note("%s: nothing stands for it, so it is not set", at)
			continue
		case !ok:
			s.leaveOut("%s is no text", at)
			continue
		case secretName.MatchString(one.key) && text != "" && !strings.Contains(text, "${"):
			s.note("%s looks like a secret, and is written as it stands: keep the file to yourself (chmod 600), or write "+
				`"${%s}" there and set that variable where the server is started`, at, variableName(one.key))
		}
		lines = append(lines, "  "+quote(one.key)+": "+quote(s.translate(at, text)))
	}
	if len(lines) > 0 {
		s.line("%s:", key)
		s.lines = append(s.lines, lines...)
	}
}

// takeFilter takes which tools are wanted.
func (s *server) takeFilter(o object) {
	texts := func(keys ...string) (quoted []string) {
		for _, key := range keys {
			list, _ := o.get(key).([]any)
			for _, one := range list {
				if text, is := one.(string); is {
					quoted = append(quoted, quote(text))
				}
			}
		}
		return quoted
	}
	allow, deny := texts("tools", "includeTools"), texts("excludeTools", "disabledTools")
	if len(allow)+len(deny) > 0 {
		s.line("tools: {allow: [%s], deny: [%s]}", strings.Join(allow, ", "), strings.Join(deny, ", "))
	}
}

// textOf is a value as a program is given it.
func textOf(value any) (string, bool) {
	switch found := value.(type) {
	case string:
		return found, true
	case json.Number:
		return found.String(), true
	case bool:
		return fmt.Sprint(found), true
	}
	return "", false
}

func (s *server) line(format string, args ...any) {
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
}

// quote is a text in double quotes, in which JSON and YAML agree.
func quote(text string) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		panic(err) // there is no text that JSON has not
	}
	return strings.ReplaceAll(strings.TrimSuffix(b.String(), "\n"), "\x7f", `\u007f`)
}

// judge leaves out what would be no good mount here.
func (s *server) judge() {
	var file struct {
		Mounts map[string]*mount.Options `yaml:"mounts"`
	}
	places, mistakes := yaml.Read("", []byte(s.before+s.text("")), &file)
	if places != nil {
		mistakes.AddNew(places.Locate(option.Check(&file).Errors()))
		resolved, more := mounts.Resolve(file.Mounts, s.lookup, places)
		mistakes.AddNew(more)
		mistakes.AddNew(mounts.Examine(resolved, places))
	}
	for _, one := range mistakes {
		s.leaveOut("%s", strings.TrimPrefix(option.Join(one.Key, "")+": "+one.Text, "mounts."+s.name+"."))
	}
}

// plainName is a name that is text in YAML without quotes, and no number or word of its own.
var plainName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{5,}$`)

// text is the mount as it stands in a file, behind a mark.
func (s *server) text(mark string) string {
	var b strings.Builder
	name := s.name
	if !plainName.MatchString(name) {
		name = quote(name)
	}
	fmt.Fprintf(&b, "%s  %s:\n", mark, name)
	for _, line := range s.lines {
		fmt.Fprintf(&b, "%s    %s\n", mark, line)
	}
	return b.String()
}
