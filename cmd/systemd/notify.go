package systemd

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"time"
)

// What a service says.
const (
	Ready    = "READY=1"
	Stopping = "STOPPING=1"
	Alive    = "WATCHDOG=1"
)

// MainPID is what the main process says of the one that is it from now on.
func MainPID(pid int) string { return fmt.Sprintf("MAINPID=%d", pid) }

// sayTimeout bounds one Say: a manager that does not read its socket is not waited for.
const sayTimeout = 100 * time.Millisecond

// Notifier speaks with the manager. One of nobody says nothing. Any goroutine.
type Notifier struct {
	socket *net.UnixConn
	muted  atomic.Bool
	path   string // of the manager's socket
	// Watchdog is how often the manager wants a sign of life; 0: it wants none.
	Watchdog time.Duration
}

// Notify finds the manager that the environment names, and takes its variables away, so that programs which tools start
// do not speak for this one. An error is about a manager that is named and cannot be reached.
func Notify() (*Notifier, error) {
	n := &Notifier{}
	path := os.Getenv("NOTIFY_SOCKET")
	micros, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if pid := os.Getenv("WATCHDOG_PID"); err == nil && micros > 0 && (pid == "" || pid == strconv.Itoa(os.Getpid())) {
		n.Watchdog = time.Duration(micros) * time.Microsecond
	}
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
		_ = os.Unsetenv(name) // the name is valid
	}
	if path == "" {
		return &Notifier{}, nil
	}
	socket, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"}) // "@": an abstract one
	if err != nil {
		return &Notifier{}, fmt.Errorf("the service manager's NOTIFY_SOCKET: %w", err)
	}
	n.socket, n.path = socket, path
	return n, nil
}

// Mute says nothing any more: another process is the service now.
func (n *Notifier) Mute() { n.muted.Store(true) }

// Environment is what a process needs that is to speak with the manager instead of this one.
func (n *Notifier) Environment() []string {
	if n.socket == nil {
		return nil
	}
	variables := []string{"NOTIFY_SOCKET=" + n.path}
	if n.Watchdog > 0 {
		variables = append(variables, fmt.Sprintf("WATCHDOG_USEC=%d", n.Watchdog.Microseconds()))
	}
	return variables
}

// Say tells the manager something. A manager that does not listen misses it.
func (n *Notifier) Say(state string) {
	if n.socket != nil && !n.muted.Load() && n.socket.SetWriteDeadline(time.Now().Add(sayTimeout)) == nil {
		_, _ = n.socket.Write([]byte(state))
	}
}

// Watch says Alive twice as often as the manager wants it, while alive says yes, until stop is closed. It returns at
// once where no manager asks.
func (n *Notifier) Watch(alive func() bool, stop <-chan struct{}) {
	if n.socket == nil || n.Watchdog == 0 {
		return
	}
	ticker := time.NewTicker(n.Watchdog / 2)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
			if alive() {
				n.Say(Alive)
			}
		}
	}
}
