package cmd

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"runtime/debug"

	"weir/registry"
)

// Program is a program around somebody's tools.
type Program struct {
	// Name is what it is called, in its help, in the log and, unless mcp.name says otherwise, by clients. Empty: as its
	// file.
	Name string
	// Version is what it says of itself, to clients too. Empty: that of the main module, if the build has recorded one;
	// a program without a version does nothing.
	Version string
	// Description is what it does, in a sentence, for --help and the manual page. Empty: what Weir does.
	Description string
	// Offer registers tools, prompts and resources, before anything listens; its error is why nothing was started. The
	// registry's other methods may be called while the program runs, by what Offer leaves behind. nil: the demonstration
	// tools are offered unless demo is false; with an Offer only if it is true.
	Offer func(*registry.Registry) error
	// Defaults changes what the configuration holds where neither file nor flag says otherwise. nil: nothing.
	Defaults func(*Config)
}

// named returns p with its name and version, or what its author has to do.
func (p Program) named() (Program, error) {
	if p.Name = cmp.Or(p.Name, filepath.Base(os.Args[0])); p.Version == "" {
		if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "(devel)" {
			p.Version = info.Main.Version
		}
	}
	if p.Version == "" {
		return p, errors.New("this program has no version: set Version of cmd.Program, or have the build record one " +
			"(go build in a clone, go install of a tag)")
	}
	return p, nil
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
