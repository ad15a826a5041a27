package cmd

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/alecthomas/kong"

	"weir/cmd/check"
	"weir/cmd/imports"
	"weir/cmd/invoke"
	"weir/cmd/manual"
	"weir/cmd/token"
	"weir/cmd/top"
	"weir/codec/option"
)

type commands struct {
	Serve   serveFlags        `cmd:"" help:"Run the server."`
	Stdio   stdioFlags        `cmd:"" help:"Run the server for the one client that launches it, on standard input and output."`
	Load    loadFlags         `cmd:"" help:"Measure an MCP server under load."`
	Token   token.Flags       `cmd:"" help:"Make a token for auth.tokens_file."`
	Doctor  doctorFlags       `cmd:"" help:"Say whether this machine can hold so many connections, and what mends it."`
	Check   check.Flags       `cmd:"" help:"Say what a configuration file would serve, or all that is wrong with it."`
	Import  imports.Flags     `cmd:"" help:"Make a configuration of a client's list of MCP servers."`
	Call    invoke.Flags      `cmd:"" help:"Call a tool of a server, or list its tools."`
	Top     top.Flags         `cmd:"" help:"Show what a server does now, on a terminal."`
	Man     manFlags          `cmd:"" help:"Print the manual page, for man -l -."`
	Shell   manual.ShellFlags `cmd:"" name:"completion" help:"Print the completion for a shell."`
	Version versionFlags      `cmd:"" help:"Print the version, the commit and the Go release."`
}

type versionFlags struct{}

type manFlags struct{}

// flagTexts are, for the help of flags, the default and the range of each key of the top level, and of each flag of
// weir load.
func (p Program) flagTexts() kong.Vars {
	texts := kong.Vars{"program": p.Name}
	config := p.defaults()
	option.Walk(&config, func(f option.Field) { texts[strings.ReplaceAll(f.Key, ".", "_")] = flagText(f) })
	var load loadRunFlags
	option.SetDefaults(&load)
	option.Walk(&load, func(f option.Field) { texts["load_"+f.Key] = flagText(f) })
	return texts
}

func flagText(f option.Field) string {
	value := f.String()
	if value == "" {
		value = `""`
	}
	switch {
	case f.Kind == option.Text && f.Zero() != "":
		return "Default " + value + `; "" is ` + f.Zero() + "."
	case f.Kind == option.Text || f.Kind == option.Truth:
		return "Default " + value + "."
	}
	return "Default " + value + "; allowed is " + f.Allowed() + "."
}

// flagName is how kong calls the flag of a field.
func flagName(field string) string {
	var name strings.Builder
	for i, r := range field {
		if unicode.IsUpper(r) && i > 0 {
			name.WriteByte('-')
		}
		name.WriteRune(unicode.ToLower(r))
	}
	return name.String()
}

// parse reads the command line. done: the answer was printed already (help, or a usage error) and code is final.
func (p Program) parse(args []string, stdout, stderr io.Writer) (cli *commands, command string, code int, done bool) {
	cli = &commands{}
	parser := p.parser(cli, stdout, stderr, func(c int) { code, done = c, true }) // --help ends parsing this way
	if len(args) == 2 && args[0] == "load" && (args[1] == "--help" || args[1] == "-h") {
		args = []string{"load", "run", "--help"} // what is meant when no command is named is what help is wanted for
	}
	context, err := parser.Parse(args)
	if done {
		return nil, "", code, true
	}
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\nRun \"%s\" for what is understood.\n", p.Name, err, p.Name+commandOf(err)+" --help")
		return nil, "", exitUsage, true
	}
	return cli, context.Command(), exitOK, false
}

// parser knows every command and flag; its model is what help, manual page and completions are made of.
func (p Program) parser(cli *commands, stdout, stderr io.Writer, exit func(int)) *kong.Kong {
	parser := kong.Must(cli,
		kong.Name(p.Name),
		kong.Description(cmp.Or(p.Description, "An MCP server runtime that holds its level: bounded queues, early "+
			"refusals.")+"\n\n"+exitHelp),
		p.flagTexts(),
		kong.Writers(stdout, stderr),
		kong.Exit(exit),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 120}),
	)
	name(parser.Model.Node, p.Name)
	return parser
}

// name puts the program's name into the texts below the flags, which kong takes as they are.
func name(n *kong.Node, program string) {
	n.Detail = strings.ReplaceAll(n.Detail, "${program}", program)
	for _, child := range n.Children {
		name(child, program)
	}
}

// commandOf is the command at which the command line went wrong, as one would type it behind the program's name: its
// help has what was meant.
func commandOf(err error) string {
	var wrong *kong.ParseError
	if errors.As(err, &wrong) && wrong.Context != nil {
		if at := wrong.Context.Selected(); at != nil {
			return " " + at.Path()
		}
	}
	return ""
}
