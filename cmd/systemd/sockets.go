package systemd

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// firstSocket is SD_LISTEN_FDS_START.
const firstSocket = 3

// Sockets are the listening sockets that this process was passed, by their names (FileDescriptorName=), each of which
// must be one of known. It takes the variables away, and closes the sockets on exec.
func Sockets(known ...string) (map[string]*os.File, error) {
	count, pid, names := os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDNAMES")
	for _, name := range []string{"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"} {
		_ = os.Unsetenv(name) // the name is valid
	}
	n, err := strconv.Atoi(count)
	if err != nil || pid != strconv.Itoa(os.Getpid()) {
		return nil, nil // nobody's, or a parent's
	}
	sockets := map[string]*os.File{}
	called := strings.Split(names, ":")
	for i := range n {
		name := ""
		if i < len(called) {
			name = called[i]
		}
		if !slices.Contains(known, name) || sockets[name] != nil {
			return nil, fmt.Errorf("the service manager passes %d sockets, and number %d is called %q: set FileDescriptorName= "+
				"of each socket unit to another of %s", n, i+1, name, strings.Join(known, ", "))
		}
		syscall.CloseOnExec(firstSocket + i)
		sockets[name] = os.NewFile(uintptr(firstSocket+i), name)
	}
	return sockets, nil
}
