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
	if strings.HasPrefix(command, "token") {
		return cli.Token.Run(p.Name, stdout, stderr)
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
	if command == "top" {
		return cli.Top.Run(p.Name, stdin, stdout, stderr)
	}
	if command == "doctor" {
		return p.examine(&cli.Doctor, stdout, stderr)
	}
	if strings.HasPrefix(command, "check") {
		return p.check(cli.Check, stdout, stderr)
	}
	if strings.HasPrefix(command, "import") {
		return cli.Import.Run(p.Name, os.LookupEnv, stdin, stdout, stderr)
	}
	if strings.HasPrefix(command, "load") {
		return p.load(&cli.Load, command, args, stdin, stdout, stderr)
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
