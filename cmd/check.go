package cmd

import (
	"errors"
	"io"
	"strings"

	"weir/cmd/check"
	"weir/codec/option"
)

// check is the command check.
func (p Program) check(flags check.Flags, stdout, stderr io.Writer) int {
	config, err := p.loadConfig(&serveFlags{Config: flags.Config}, thisMachine())
	var mistakes option.Mistakes
	errors.As(err, &mistakes)
	if one := (*option.Mistake)(nil); errors.As(err, &one) {
		mistakes = append(mistakes, &option.Mistake{Text: one.Text}) // the file, which no flag names here
	}
	defaults := p.defaults()
	return check.Run(check.Subject{Program: p.Name, File: flags.Config, Config: &config, Defaults: &defaults,
		Places: config.places, Mistakes: mistakes, Written: config.Mounts, Mounts: config.mounts, Demo: config.Demo,
		Search: config.MCP.Search,
		Path:   strings.TrimSuffix(config.Server.HTTPPath, "/"),
		Listeners: []check.Listener{{Name: "http", Address: config.Server.HTTP}, {Name: "tcp", Address: config.Server.TCP},
			{Name: "unix", Address: config.Server.Unix}, {Name: "admin", Address: config.Admin}}}, stdout, stderr)
}
