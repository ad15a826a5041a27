package doctor

import (
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Unit is what a systemd unit allows its service. Who runs doctor from a shell has the shell's limits, the service has
// these.
type Unit struct {
	Name      string // "": there is no such unit
	OpenFiles uint64 // LimitNOFILE, the hard limit; 0: not set in the unit
	Memory    int64  // the lesser of MemoryMax and MemoryHigh, bytes; 0: none, or a share of the machine
}

// unitFolders are searched in this order; the first that has the unit is the one that counts (systemd.unit(5)).
var unitFolders = []string{"etc/systemd/system", "run/systemd/system", "usr/local/lib/systemd/system",
	"usr/lib/systemd/system", "lib/systemd/system"}

// systemdHardFiles is DefaultLimitNOFILE of systemd-system.conf(5), its hard limit, since systemd 240.
const systemdHardFiles = 524288

// readUnit reads a unit and its drop-ins, which are read in the order of their names, whatever folder has them.
func readUnit(root fs.FS, name string) Unit {
	var u Unit
	for _, folder := range unitFolders {
		if text, err := fs.ReadFile(root, path.Join(folder, name)); err == nil {
			u.Name, u.OpenFiles = name, systemdHardFiles
			u.take(string(text))
			break
		}
	}
	if u.Name == "" {
		return u
	}
	dropIns := map[string]string{}
	for _, folder := range slices.Backward(unitFolders) { // the first folder's file hides others of its name
		found, _ := fs.Glob(root, path.Join(folder, name+".d", "*.conf")) // the pattern is ours
		for _, file := range found {
			dropIns[path.Base(file)] = file
		}
	}
	var order []string
	for base := range dropIns {
		order = append(order, base)
	}
	slices.Sort(order)
	for _, base := range order {
		if text, err := fs.ReadFile(root, dropIns[base]); err == nil {
			u.take(string(text))
		}
	}
	return u
}

// take takes the settings of one file: of each, the last counts.
func (u *Unit) take(text string) {
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok || strings.HasPrefix(key, "#") || strings.HasPrefix(key, ";") {
			continue
		}
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(key) {
		case "LimitNOFILE":
			_, hard, both := strings.Cut(value, ":")
			if !both {
				hard = value
			}
			u.OpenFiles = unitNumber(hard)
		case "MemoryMax", "MemoryHigh":
			if bytes := unitNumber(value); bytes > 0 && bytes < 1<<60 && (u.Memory == 0 || int64(bytes) < u.Memory) {
				u.Memory = int64(bytes)
			}
		}
	}
}

// unitNumber reads a number with K, M, G or T behind it, powers of 1024 (systemd.exec(5)). A share is 0.
func unitNumber(text string) uint64 {
	if text == "infinity" {
		return 1 << 62
	}
	shift := 0
	if at := strings.IndexAny(text, "KMGT"); at > 0 && at == len(text)-1 {
		shift = 10 * (1 + strings.IndexByte("KMGT", text[at]))
		text = text[:at]
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n > 1<<62>>shift {
		return 0
	}
	return n << shift
}
