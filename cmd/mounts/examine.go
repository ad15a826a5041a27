package mounts

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"slices"

	"weir/codec/option"
	"weir/reactor/mount"
	"weir/reactor/mount/shelf"
)

// Examine returns what of mounts, whose variables were put in, would go wrong once they are started on this machine, as
// far as can be seen without: commands and folders that are not there, names that cannot be offered. To a server these
// are no mistakes of its file: what is missing may come while it runs.
func Examine(resolved map[string]*mount.Options, places option.Places) option.Mistakes {
	r := resolver{places: places}
	owners := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(resolved)) {
		o, key := resolved[name], option.Join("mounts", name)
		if _, err := Find(o.Command); o.Command != "" && err != nil {
			r.add(key+".command", "%s is not found (%v): allowed is a program that is installed here, by a name in PATH or "+
				"its whole path", option.Quote(o.Command), err)
		}
		if info, err := os.Stat(o.Cwd); o.Cwd != "" && (err != nil || !info.IsDir()) {
			r.add(key+".cwd", "%s is no folder here: allowed is one that is there", option.Quote(o.Cwd))
		}
		naming := o.Naming(name)
		seen := naming.Foresee()
		for _, part := range slices.Sorted(maps.Keys(seen.Names)) {
			at, offered := key+"."+part, seen.Names[part]
			if len(offered) > shelf.MaxNameBytes {
				r.add(at, "%s has %d bytes: allowed are %d, since models take no longer names, so set a shorter prefix",
					option.Quote(offered), len(offered), shelf.MaxNameBytes)
			}
			if owner, taken := owners[offered]; taken && owner != name {
				r.add(at, "mount %s offers %s already: allowed is each name once, so give one of them another prefix", owner,
					option.Quote(offered))
			}
			owners[offered] = name
		}
	}
	return r.mistakes
}

// Find is the file of a command, as a mount looks for it.
func Find(command string) (path string, err error) {
	path, err = exec.LookPath(command)
	if errors.Is(err, exec.ErrDot) {
		return path, nil
	}
	var wrong *exec.Error
	if errors.As(err, &wrong) {
		err = wrong.Err
	}
	return path, err
}
