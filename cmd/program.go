package cmd

import (
	"runtime/debug"

	"weir/registry"
)

// Program is a program around somebody's tools.
type Program struct {
	// Name is what it is called, in its help, in the log and, unless mcp.name says otherwise, by clients. Empty: as its
	// file.
	Name string
	// Version is what it says of itself, to clients too. Empty: dev.
	Version string
	// Offer registers tools, prompts and resources, before anything listens; its error is why nothing was started. The
	// registry's other methods may be called while the program runs, by what Offer leaves behind. nil: the demonstration
	// tools are offered unless demo is false; with an Offer only if it is true.
	Offer func(*registry.Registry) error
	// Defaults changes what the configuration holds where neither file nor flag says otherwise. nil: nothing.
	Defaults func(*Config)
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
