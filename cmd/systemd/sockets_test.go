package systemd

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// A count that no manager passes is refused by the first socket without a name, and no room is made for it.
func TestSocketsCount(t *testing.T) {
	f := func(count, want string) {
		t.Helper()
		t.Setenv("LISTEN_FDS", count)
		t.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid()))
		t.Setenv("LISTEN_FDNAMES", "")
		sockets, err := Sockets("http")
		if len(sockets) > 0 || err == nil && want != "" || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, %v, want %q", count, sockets, err, want)
		}
	}
	f("-1", "")
	f("0", "")
	f("1", "passes 1 sockets, and number 1 is called")
	f("99999999999", "passes 99999999999 sockets, and number 1 is called")
}
