package memory

import (
	"bufio"
	"bytes"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// Limit is an amount of memory that the process is stopped or slowed down at.
type Limit struct {
	Bytes  int64  // 0: none is known
	Source string // the file that says so
}

// unlimited is from where on a number means that there is no limit: v1 says "as many pages as fit a signed number".
const unlimited = int64(1) << 60

// Of returns the least limit of the process that reads it. root is the file system of the machine, os.DirFS("/").
func Of(root fs.FS) Limit {
	least := Limit{}
	take := func(bytes int64, source string) {
		if bytes > 0 && bytes < unlimited && (least.Bytes == 0 || bytes < least.Bytes) {
			least = Limit{bytes, "/" + source}
		}
	}
	take(kibOf(root, "proc/meminfo", "MemTotal:")<<10, "proc/meminfo")
	groups := groupsOf(root)
	for _, m := range mountsOf(root) {
		group, isMember := groups[m.kind]
		if !isMember {
			continue
		}
		for _, folder := range m.folders(group) {
			for _, name := range m.kind.files() {
				take(numberOf(root, path.Join(folder, name)), path.Join(folder, name))
			}
		}
	}
	return least
}

// kind is a version of control groups, as far as memory goes.
type kind uint8

const (
	v1 kind = 1
	v2 kind = 2
)

// files are those with limits. Above memory.high a process is not killed, but slowed down until it is of no use.
func (k kind) files() []string {
	if k == v1 {
		return []string{"memory.limit_in_bytes"}
	}
	return []string{"memory.max", "memory.high"}
}

// groupsOf says in which group the process is: /proc/self/cgroup, cgroups(7).
func groupsOf(root fs.FS) map[kind]string {
	groups := map[kind]string{}
	eachLine(root, "proc/self/cgroup", func(line string) {
		parts := strings.SplitN(line, ":", 3)
		if len(parts) != 3 {
			return
		}
		switch {
		case parts[0] == "0" && parts[1] == "":
			groups[v2] = parts[2]
		case has(parts[1], "memory"):
			groups[v1] = parts[2]
		}
	})
	return groups
}

// mount is where a hierarchy of groups can be seen, from one of its groups down.
type mount struct {
	kind  kind
	root  string // the group
	point string // the folder, without the first slash
}

// mountsOf reads /proc/self/mountinfo, proc_pid_mountinfo(5).
func mountsOf(root fs.FS) []mount {
	var mounts []mount
	eachLine(root, "proc/self/mountinfo", func(line string) {
		where, what, ok := strings.Cut(line, " - ")
		before, behind := strings.Fields(where), strings.Fields(what)
		if !ok || len(before) < 5 || len(behind) < 1 {
			return
		}
		m := mount{root: plain(before[3]), point: strings.TrimPrefix(plain(before[4]), "/")}
		switch {
		case behind[0] == "cgroup2":
			m.kind = v2
		case behind[0] == "cgroup" && len(behind) > 2 && has(behind[2], "memory"):
			m.kind = v1
		default:
			return
		}
		mounts = append(mounts, m)
	})
	return mounts
}

// folders are those of a group and of all that it is in, as far as the mount shows them. In a container the group may
// be named as the machine sees it, and be itself what the mount shows.
func (m mount) folders(group string) []string {
	below, inside := group, true
	if m.root != "/" {
		below, inside = strings.CutPrefix(group, m.root)
	}
	if !inside || below != "" && below[0] != '/' || strings.HasPrefix(below, "/..") {
		below = ""
	}
	var folders []string
	for at := path.Clean("/" + below); ; at = path.Dir(at) {
		folders = append(folders, path.Join(m.point, at))
		if at == "/" {
			return folders
		}
	}
}

// plain undoes the octal escapes of blanks in mountinfo.
func plain(name string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(name)
}

// has says whether a list with commas has a word.
func has(list, word string) bool { return strings.Contains(","+list+",", ","+word+",") }

// numberOf is the number that is all of a file; 0 for none.
func numberOf(root fs.FS, name string) int64 {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64)
	if err != nil {
		return 0 // max, or nothing we know
	}
	return n
}

// kibOf is the number behind a word at the beginning of a line.
func kibOf(root fs.FS, name, word string) (n int64) {
	eachLine(root, name, func(line string) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == word {
			n, _ = strconv.ParseInt(fields[1], 10, 64) // 0 is no limit
		}
	})
	return n
}

func eachLine(root fs.FS, name string, do func(line string)) {
	file, err := root.Open(name)
	if err != nil {
		return
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		do(lines.Text())
	}
}
