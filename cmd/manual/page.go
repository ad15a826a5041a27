package manual

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// Page writes the manual page of a program in section 1, in the macros of man(7). version is what stands in its foot;
// no date does, so that two builds have the same page.
func Page(out io.Writer, app *kong.Node, version string) error {
	var page strings.Builder
	about, more, _ := strings.Cut(app.Help, "\n\n")
	fmt.Fprintf(&page, ".TH %s 1 \"\" %q\n.SH NAME\n%s \\- %s\n", strings.ToUpper(app.Name), app.Name+" "+version,
		app.Name, escape(strings.TrimSuffix(about, ".")))
	fmt.Fprintf(&page, ".SH SYNOPSIS\n.B %s\n.I command\n.RI [ flags ]\n", app.Name)
	if more != "" {
		page.WriteString(".SH DESCRIPTION\n" + paragraphs(more))
	}
	page.WriteString(".SH COMMANDS\nEach has the flag\n.BR \\-\\-help .\n")
	for _, command := range commandsOf(app) {
		writeCommand(&page, command)
	}
	_, err := io.WriteString(out, page.String())
	return err
}

// commandsOf are the commands that can be run, those inside of others too.
func commandsOf(app *kong.Node) (commands []*kong.Node) {
	for _, child := range app.Children {
		if child.Hidden {
			continue
		}
		if len(child.Children) > 0 {
			commands = append(commands, commandsOf(child)...)
			continue
		}
		commands = append(commands, child)
	}
	return commands
}

func writeCommand(page *strings.Builder, command *kong.Node) {
	fmt.Fprintf(page, ".SS %s\n", escape(command.FullPath()))
	for _, argument := range command.Positional {
		fmt.Fprintf(page, ".RI \" \" %s\n", escape(strings.ToUpper(argument.Name)))
	}
	page.WriteString(".PP\n" + paragraphs(command.Help))
	for _, argument := range command.Positional {
		fmt.Fprintf(page, ".TP\n.I %s\n%s", escape(strings.ToUpper(argument.Name)), paragraphs(argument.Help))
	}
	for _, flag := range flagsOf(command) {
		fmt.Fprintf(page, ".TP\n.B %s\n%s", escape(spelled(flag)), paragraphs(flag.Help))
	}
	if command.Detail != "" {
		page.WriteString(".PP\n" + paragraphs(command.Detail))
	}
}

// flagsOf are a command's flags, without --help, which every command has.
func flagsOf(command *kong.Node) (flags []*kong.Flag) {
	for _, flag := range command.Flags {
		if !flag.Hidden && flag.Name != "help" {
			flags = append(flags, flag)
		}
	}
	return flags
}

// spelled is a flag as one types it.
func spelled(flag *kong.Flag) string {
	text := "--" + flag.Name
	if !flag.IsBool() {
		text += "=" + flag.FormatPlaceHolder()
	}
	if flag.Short != 0 {
		text = "-" + string(flag.Short) + ", " + text
	}
	return text
}

// paragraphs turns help text into the page's: an empty line begins a paragraph, and what is indented stays as it is.
func paragraphs(text string) string {
	var page strings.Builder
	verbatim := false
	for line := range strings.Lines(strings.TrimSpace(text) + "\n") {
		line = strings.TrimSuffix(line, "\n")
		if indented := strings.HasPrefix(line, "  "); line != "" && indented != verbatim {
			page.WriteString(map[bool]string{true: ".nf\n", false: ".fi\n"}[indented])
			verbatim = indented
		}
		if line == "" {
			page.WriteString(".PP\n")
			continue
		}
		page.WriteString(escape(line) + "\n")
	}
	if verbatim {
		page.WriteString(".fi\n")
	}
	return page.String()
}

// escape keeps roff from reading text: a backslash, a minus that is one, and a dot or a quote at a line's begin.
func escape(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}
