package cmd

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"weir/cmd/needs"
)

// manager plays systemd: it has the sockets, hears what the service says, and starts it as systemd does.
type manager struct {
	t       *testing.T
	notify  *net.UnixConn
	sockets []*os.File
	names   []string
	config  string // file
}

func newManager(t *testing.T) *manager {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { notify.Close() })
	m := &manager{t: t, notify: notify, config: filepath.Join(t.TempDir(), "weir.yaml")}
	rewrite(t, m.config, "handover_timeout: 0s\n")
	return m
}

// listen opens a socket that the service will be passed, and returns its address.
func (m *manager) listen(name, network, address string) string {
	m.t.Helper()
	var plainTCP net.ListenConfig // as systemd's are; Go's own is MPTCP where the kernel has it
	plainTCP.SetMultipathTCP(false)
	listener, err := plainTCP.Listen(m.t.Context(), network, address)
	if err != nil {
		m.t.Fatal(err)
	}
	if u, ok := listener.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false)
	}
	defer listener.Close()
	file, err := listener.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { file.Close() })
	m.sockets, m.names = append(m.sockets, file), append(m.names, name)
	return listener.Addr().String()
}

// start starts the service. LISTEN_PID is its own process id, which the shell knows before it becomes the service.
func (m *manager) start(stderr io.Writer, environment ...string) *exec.Cmd {
	m.t.Helper()
	service := exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`, os.Args[0], "serve", "--http", "127.0.0.1:0",
		"--tcp", "", "--admin", "127.0.0.1:0", "--config", m.config)
	service.Env = append(os.Environ(), asMain+"=1", "NOTIFY_SOCKET="+m.notify.LocalAddr().String(),
		fmt.Sprintf("LISTEN_FDS=%d", len(m.sockets)), "LISTEN_FDNAMES="+strings.Join(m.names, ":"))
	service.Env = append(service.Env, environment...)
	service.ExtraFiles, service.Stderr = m.sockets, stderr
	if err := service.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { service.Process.Kill() })
	return service
}

// hears waits for a message of the service.
func (m *manager) hears(want string) {
	m.t.Helper()
	if got := m.hearsOne(want); got != want {
		m.t.Fatalf("it says %s, want %s", got, want)
	}
}

// hearsOne waits for one that begins so.
func (m *manager) hearsOne(want string) string {
	m.t.Helper()
	buffer := make([]byte, 256)
	for {
		if err := m.notify.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			m.t.Fatal(err)
		}
		n, err := m.notify.Read(buffer)
		if err != nil {
			m.t.Fatalf("no %s: %v", want, err)
		}
		if strings.HasPrefix(string(buffer[:n]), want) {
			return string(buffer[:n])
		}
	}
}

// ask sends one line and returns the answer.
func ask(t *testing.T, network, address, line string) string {
	t.Helper()
	conn, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return askOn(t, conn, line)
}

func askOn(t *testing.T, conn net.Conn, line string) string {
	t.Helper()
	if _, err := io.WriteString(conn, line); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// TestServeUnderAManager: the service takes its sockets, says when it is ready, gives signs of life, says that it
// stops, and leaves the sockets for the next one. Who connects while none runs is served by the next.
func TestServeUnderAManager(t *testing.T) {
	needs.Programs(t, "the service was not started as systemd starts it", "sh")
	m := newManager(t)
	const ping = `{"jsonrpc":"2.0","id":1,"method":"ping"}` + "\n"
	const pong = `"result":{}`
	path := filepath.Join(t.TempDir(), "weir.sock")
	tcp, unix := m.listen("tcp", "tcp", "127.0.0.1:0"), m.listen("unix", "unix", path)
	web, admin := m.listen("http", "tcp", "127.0.0.1:0"), m.listen("admin", "tcp", "127.0.0.1:0")
	for range 2 {
		early, err := net.Dial("tcp", tcp) // nobody accepts yet
		if err != nil {
			t.Fatal(err)
		}
		service := m.start(io.Discard, "WATCHDOG_USEC=1000000")
		if answer := askOn(t, early, ping); !strings.Contains(answer, pong) {
			t.Errorf("a connection from before: %q", answer)
		}
		early.Close()
		m.hears("READY=1")
		for _, where := range [][2]string{{"tcp", tcp}, {"unix", unix}} {
			if answer := ask(t, where[0], where[1], ping); !strings.Contains(answer, pong) {
				t.Errorf("%s: %s", where[0], answer)
			}
		}
		for _, address := range []string{web, admin} {
			answer := ask(t, "tcp", address, "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
			if !strings.HasPrefix(answer, "HTTP/1.1 ") {
				t.Error(answer)
			}
		}
		m.hears("WATCHDOG=1")
		if err := service.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		m.hears("STOPPING=1")
		if err := service.Wait(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(path); err != nil {
			t.Errorf("the manager's socket is gone: %v", err)
		}
	}
}

// TestUpgradeUnderAManager: the new process becomes the service, has the manager's sockets and gives the signs of life.
// The old one says nothing any more, not even that it stops.
func TestUpgradeUnderAManager(t *testing.T) {
	needs.Programs(t, "the service was not started as systemd starts it", "sh")
	m := newManager(t)
	path := filepath.Join(t.TempDir(), "weir.sock")
	m.listen("unix", "unix", path)
	service := m.start(io.Discard, "WATCHDOG_USEC=1000000")
	m.hears("READY=1")
	if err := service.Process.Signal(syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	said := m.hearsOne("MAINPID=")
	pid, err := strconv.Atoi(strings.TrimPrefix(said, "MAINPID="))
	if err != nil {
		t.Fatal(err)
	}
	successor, err := os.FindProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = successor.Kill() })
	if state, err := service.Process.Wait(); err != nil || state.ExitCode() != exitOK {
		t.Error(state, err)
	}
	m.hears("READY=1")
	m.hears("WATCHDOG=1")
	const ping = `{"jsonrpc":"2.0","id":1,"method":"ping"}` + "\n"
	if answer := ask(t, "unix", path, ping); !strings.Contains(answer, `"result"`) {
		t.Errorf("the manager's socket: %s", answer)
	}
	if err := successor.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	m.hears("STOPPING=1")
	if err := service.Wait(); err == nil || !strings.Contains(err.Error(), "no child") { // until nobody has its log
		t.Error(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the manager's socket is gone: %v", err)
	}
}

// TestServeUnderAManagerThatErrs starts nothing, and says what to set.
func TestServeUnderAManagerThatErrs(t *testing.T) {
	needs.Programs(t, "the service was not started as systemd starts it", "sh")
	m := newManager(t)
	m.listen("weir.socket", "tcp", "127.0.0.1:0")
	var stderr strings.Builder
	service := m.start(&stderr)
	err := service.Wait()
	const want = "set FileDescriptorName= of each socket unit to another of http, tcp, unix, admin"
	if err == nil || service.ProcessState.ExitCode() != exitRuntime || !strings.Contains(stderr.String(), want) {
		t.Errorf("%v, %s", err, &stderr)
	}
}

func TestPulse(t *testing.T) {
	var p pulse
	f := func(want bool, turns ...uint64) {
		t.Helper()
		if got := p.beats(turns); got != want {
			t.Errorf("%d: %v", turns, got)
		}
	}
	f(true, 0, 0)
	f(true, 1, 5)
	f(false, 2, 5) // one stands still
	f(true, 3, 6)
	f(false, 3, 6)
}
