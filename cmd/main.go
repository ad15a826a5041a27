package cmd

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"weir/cmd/manual"
	"weir/codec/yaml"
)

// Main runs the program with the arguments of the process, and ends the process. A main function has nothing else to
// do.
func Main(p Program) { os.Exit(p.run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run is Main without the process: what a command line does, and its exit code.
func (p Program) run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	p, err := p.named()
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", p.Name, err)
		return exitUsage
	}
	cli, command, code, done := p.parse(args, stdout, stderr)
	if done {
		return code
	}
	if command == "version" {
		fmt.Fprintf(stdout, "%s %s (commit %s, %s, %s/%s)\n", p.Name, p.Version, commit(), runtime.Version(), runtime.GOOS,
			runtime.GOARCH)
		return exitOK
	}
	if command == "man" || strings.HasPrefix(command, "completion ") {
		model := p.parser(&commands{}, stdout, stderr, func(int) {}).Model.Node
		if command == "man" {
			err = manual.Page(stdout, model, p.Version)
		} else {
			err = manual.Completion(stdout, model, cli.Shell.Shell)
		}
		if err != nil {
			fmt.Fprintf(stderr, "%s: %v\n", p.Name, err)
			return exitRuntime
		}
		return exitOK
	}
	if strings.HasPrefix(command, "load") {
		return p.load(&cli.Load, command, args, stdin, stdout, stderr)
	}
	if code, done := p.runTool(cli, command, stdin, stdout, stderr); done {
		return code
	}
	flags, check := settings(&cli.Serve), cli.Serve.CheckConfig
	if command == "stdio" {
		flags, check = &cli.Stdio, cli.Stdio.CheckConfig
	}
	config, err := p.loadConfig(flags, thisMachine())
	if err != nil {
		refuseUpgrade(err)
		fmt.Fprintf(stderr, "%s: the configuration is wrong; nothing was started\n%v\n", p.Name, err)
		return exitUsage
	}
	if check {
		text, err := yaml.Write(&config)
		if err != nil {
			fmt.Fprintf(stderr, "%s: %v\n", p.Name, err)
			return exitRuntime
		}
		stdout.Write(text)
		return exitOK
	}
	if command == "stdio" {
		return stdio(&config, stdin, stdout, stderr)
	}
	return serve(&config, stdout, stderr)
}

// runTool runs a command that is a tool beside the server, in a package of its own; not done: it is none.
func (p Program) runTool(cli *commands, command string, stdin io.Reader, stdout, stderr io.Writer) (
	code int, done bool,
) {
	word, _, _ := strings.Cut(command, " ")
	switch word {
	case "token":
		return cli.Token.Run(p.Name, stdout, stderr), true
	case "top":
		return cli.Top.Run(p.Name, stdin, stdout, stderr), true
	case "doctor":
		return p.examine(&cli.Doctor, stdout, stderr), true
	case "check":
		return p.check(cli.Check, stdout, stderr), true
	case "import":
		return cli.Import.Run(p.Name, os.LookupEnv, stdin, stdout, stderr), true
	case "call":
		return cli.Call.Run(p.Name, p.Version, stdout, stderr), true
	}
	return 0, false
}
