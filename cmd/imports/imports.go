package imports

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"weir/reactor/mount"
)

// Flags are those of the command.
type Flags struct {
	File string `arg:"" name:"FILE" help:"The client's JSON file; - is standard input."`
}

// Help is what stands below the flags.
func (Flags) Help() string {
	return `Makes a configuration of a client's list of MCP servers: the JSON of desktop clients (mcpServers) or of VS Code
(servers), with comments and trailing commas. The configuration goes to standard output, what there is to say about it
to standard error. It is good on this machine (${program} check): a server that cannot be mounted here stands in it as a
comment, with the reason. Nothing is started.

  ${program} import ~/.cursor/mcp.json > ${program}.yaml && ${program} serve --config ${program}.yaml

${VAR}, ${env:VAR} and ${input:ID} become variables of the environment that the server is started in; those that are not
set here get an empty default, and are named. What stands in env and headers is written as it stands.

Exit codes: 0 it is written; 1 it cannot be written; 2 the file is no such list.`
}

const (
	maxFileBytes = 16 << 20
	// maxMounts is how many a configuration has at most.
	maxMounts = 256
)

// Run writes the configuration and returns the exit code. lookup has the environment.
func (f *Flags) Run(program string, lookup func(string) (string, bool), stdin io.Reader, stdout, stderr io.Writer) int {
	list, err := f.read(stdin)
	if err != nil {
		fmt.Fprintf(stderr, "%s import: %v\n", program, err)
		return 2
	}
	servers := take(list, lookup)
	var b strings.Builder
	fmt.Fprintf(&b, "# Made by %s import %s. \"%s check FILE\" says what it serves,\n"+
		"# \"%s serve --config FILE\" serves it.\n", program, quote(filepath.Base(f.File)), program, program)
	b.WriteString("http: 127.0.0.1:8080\ntcp: \"\"\ndemo: false\nmounts:\n")
	taken := 0
	for _, s := range servers {
		for _, note := range s.notes {
			fmt.Fprintf(stderr, "%s: %s\n", s.name, note)
		}
		if len(s.reasons) == 0 {
			b.WriteString(s.text(""))
			taken++
			continue
		}
		for _, reason := range s.reasons {
			fmt.Fprintf(stderr, "%s: left out: %s\n", s.name, oneLine(reason))
			fmt.Fprintf(&b, "  # Left out: %s\n", oneLine(reason))
		}
		b.WriteString(s.text("# "))
	}
	fmt.Fprintf(stderr, "%d of %d servers are mounts now\n", taken, len(servers))
	if _, err := io.WriteString(stdout, b.String()); err != nil {
		fmt.Fprintf(stderr, "%s import: %v\n", program, err)
		return 1
	}
	return 0
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// read returns the servers that a file lists.
func (f *Flags) read(stdin io.Reader) (object, error) {
	from := stdin
	if f.File != "-" {
		file, err := os.Open(f.File)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		from = file
	}
	text, err := io.ReadAll(io.LimitReader(from, maxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFileBytes {
		return nil, fmt.Errorf("%s is larger than %d bytes, so it is not what it should be", f.File, maxFileBytes)
	}
	value, err := parse(f.File, text)
	if err != nil {
		return nil, err
	}
	list, err := servers(value)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.File, err)
	}
	return list, nil
}

// servers finds the list, where clients have it.
func servers(value any) (list object, _ error) {
	root, _ := value.(object)
	inner, _ := root.get("mcp").(object)
	found := false
	for _, at := range []any{root.get("mcpServers"), root.get("servers"), root.get("context_servers"),
		inner.get("servers"), inner.get("mcpServers")} {
		if section, is := at.(object); is {
			list, found = append(list, section...), true
		}
	}
	if found {
		return list, nil
	}
	for _, one := range root { // the list alone
		o, _ := one.value.(object)
		if o.get("command") == nil && o.get("url") == nil {
			return nil, errNoList
		}
	}
	if len(root) == 0 {
		return nil, errNoList
	}
	return root, nil
}

var errNoList = errors.New("it lists no servers: allowed is an object \"mcpServers\" or \"servers\" with an object " +
	"for each")

// take makes mounts of a list, in its order.
func take(list object, lookup func(string) (string, bool)) (all []*server) {
	taken, mounts := map[string]bool{}, 0
	before := "mounts:\n"
	for _, one := range list {
		s := &server{name: free(one.key, taken), lookup: lookup, before: before}
		taken[s.name] = true
		if s.name != one.key {
			s.note("the client calls it %q: a mount has 1 to 32 of A-Z, a-z, 0-9, _ and -, and each name once", one.key)
		}
		if s.take(one.value); len(s.reasons) == 0 {
			if mounts++; mounts > maxMounts {
				s.leaveOut("a configuration has at most %d mounts", maxMounts)
			} else {
				before += s.text("")
			}
		}
		all = append(all, s)
	}
	return all
}

var notInNames = regexp.MustCompile(`[^A-Za-z0-9_-]+`)

// free makes a name that a mount may have, and none has.
func free(name string, taken map[string]bool) string {
	name = strings.Trim(notInNames.ReplaceAllString(name, "-"), "-_")
	if name = name[:min(len(name), 28)]; !mount.CheckName(name) {
		name = "mount-" + name
	}
	for i, base := 2, name; taken[name]; i++ {
		name = fmt.Sprintf("%s-%d", base, i)
	}
	return name
}
