// Command weir runs the MCP server. Its files are the assembly: flags and the configuration file in, the packages put
// together, signals and the admin listener beside them. Nothing imports it.
package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"weir/codec/yaml"
)

// version is stamped by the Makefile; a plain `go build` says dev.
var version = "dev"

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main without the process: what a command line does, and its exit code.
func run(args []string, stdout, stderr io.Writer) int {
	cli, command, code, done := parse(args, stdout, stderr)
	if done {
		return code
	}
	if command == "version" {
		fmt.Fprintf(stdout, "weir %s (commit %s, %s, %s/%s)\n", version, commit(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return exitOK
	}
	if strings.HasPrefix(command, "token") {
		return makeToken(&cli.Token, stdout, stderr)
	}
	if strings.HasPrefix(command, "load") {
		return load(&cli.Load, command, args, stdout, stderr)
	}
	flags, check := settings(&cli.Serve), cli.Serve.CheckConfig
	if command == "stdio" {
		flags, check = &cli.Stdio, cli.Stdio.CheckConfig
	}
	config, err := loadConfig(flags)
	if err != nil {
		fmt.Fprintf(stderr, "weir: the configuration is wrong; nothing was started\n%v\n", err)
		return exitUsage
	}
	if check {
		text, err := yaml.Write(&config)
		if err != nil {
			fmt.Fprintf(stderr, "weir: %v\n", err)
			return exitRuntime
		}
		stdout.Write(text)
		return exitOK
	}
	if command == "stdio" {
		return stdio(&config, os.Stdin, stdout, stderr)
	}
	return serve(&config, stdout, stderr)
}

// commit is what the binary was built from, as Go recorded it.
func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	revision, dirty := "unknown", ""
	for _, setting := range info.Settings {
		switch {
		case setting.Key == "vcs.revision":
			revision = setting.Value
		case setting.Key == "vcs.modified" && setting.Value == "true":
			dirty = "+changes"
		}
	}
	return revision + dirty
}
