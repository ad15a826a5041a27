package cmd

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"weir/cmd/needs"
)

// What clients notice of an upgrade, and of a restart behind a balancer: nothing. The program is the real one, as it is
// built for people.

// lose builds it, and has both lose nothing, so often.
func lose(t *testing.T, upgrading, restarting int) {
	name := filepath.Join(t.TempDir(), "weir")
	execute(t, repository, "go", "build", "-o", name, "./cmd/weir")
	t.Run("upgrades", func(t *testing.T) { upgrades(t, name, upgrading) })
	t.Run("restarts", func(t *testing.T) { restarts(t, name, restarting) })
}

func TestNothingIsLost(t *testing.T) { lose(t, 2, 2) }

// TestSlowNothingIsLost is the same as often as the issue asks for.
func TestSlowNothingIsLost(t *testing.T) {
	needs.Slow(t)
	lose(t, 20, 20)
}

// calm has nobody refused because the machine is busy with something else.
const calm = "queue_timeout: 0s\nmax_expected_wait: 0s\noverload_queue_timeout: 0s\ntcp: \"\"\n"

// runBinary runs it with a configuration.
func runBinary(t *testing.T, name, config string) *child {
	t.Helper()
	file := filepath.Join(t.TempDir(), "weir.yaml")
	rewrite(t, file, calm+config)
	return runServer(t, exec.Command(name, "serve", "--config", file))
}

// runServer runs a program that serves, and waits until it does.
func runServer(t *testing.T, program *exec.Cmd) *child {
	t.Helper()
	c := &child{Cmd: program, t: t}
	stderr, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var said sharedText
	t.Cleanup(func() {
		_ = c.Process.Kill() // it may have ended
		if t.Failed() {
			t.Logf("the log:\n%s", said.String())
		}
	})
	c.log, c.stderr = bufio.NewScanner(io.TeeReader(stderr, &said)), stderr
	var line struct{ Listeners map[string]string }
	c.await("serving", &line)
	c.addresses = line.Listeners
	return c
}

// upgrades upgrades a server so often while clients call and listen. Each of them uses its connection long before
// handover_timeout.
func upgrades(t *testing.T, name string, times int) {
	c := runBinary(t, name, "http: 127.0.0.1:0\nadmin: 127.0.0.1:0\nhandover_timeout: 1500ms\ndrain_spread: 500ms\n"+
		"shutdown_timeout: 10s\n")
	began := time.Now()
	crowd := startCrowd(t, c.addresses["http"])
	for range times {
		ended := crowd.listens.Load()
		successor := c.upgrade()
		c.await("the process that was upgraded has ended", nil)
		if state, err := c.Process.Wait(); err != nil && !strings.Contains(err.Error(), "no child") || state.ExitCode() > 0 {
			t.Error(state, err)
		}
		c.Process = successor
		eventually(t, "every listen has ended and begun again", func() bool {
			return crowd.listens.Load() >= ended+crowdListens
		})
	}
	crowd.leave()
	crowd.judge(began)
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	c.await("stopped", nil)
}

// balanced are the lines of docs/OPERATING.md that put two servers behind HAProxy.
func balanced(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile(repository + "/docs/OPERATING.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "<!-- two servers -->\n\n```\n")
	lines, _, ok := strings.Cut(rest, "```\n")
	if !ok {
		t.Fatal("docs/OPERATING.md has no lines for two servers")
	}
	return lines
}

// restarts restarts two servers behind HAProxy in turn, so often in all.
func restarts(t *testing.T, name string, times int) {
	needs.Programs(t, "no server was restarted behind HAProxy", "haproxy")
	text, err := os.ReadFile(repository + "/docs/deploy/haproxy.cfg")
	if err != nil {
		t.Fatal(err)
	}
	front := needs.Port(t)
	config := strings.Replace(string(text), "    server weir1 127.0.0.1:8080\n", balanced(t), 1)
	if config == string(text) {
		t.Fatal("docs/deploy/haproxy.cfg has no server to replace")
	}
	config = strings.Replace(config, "127.0.0.1:8000", front, 1)
	// A server that is slow because its machine is, is not down; nor would it be with a whole second to answer in.
	config = strings.Replace(config, "timeout connect", "timeout check 10s\n    timeout connect", 1)
	var servers [2]*child
	var configs [2]string
	for i := range servers {
		http, admin := needs.Port(t), needs.Port(t)
		_, port, _ := strings.Cut(admin, ":")
		config = strings.NewReplacer(fmt.Sprintf("127.0.0.1:808%d", i+1), http, fmt.Sprintf("port 909%d", i+1), "port "+port,
			"inter 1s", "inter 50ms").Replace(config)
		configs[i] = fmt.Sprintf("http: %s\nadmin: %s\ndrain_delay: 500ms\ndrain_spread: 200ms\n", http, admin)
		servers[i] = runBinary(t, name, configs[i])
	}
	startHAProxy(t, "global\n maxconn 2000\n"+config)
	eventually(t, "HAProxy listens", func() bool {
		conn, err := net.Dial("tcp", front)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	began := time.Now()
	crowd := startCrowd(t, front)
	for n := range times {
		c := servers[n%2]
		if err := c.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if code := c.exitCode(); code != exitOK {
			t.Errorf("exit %d", code)
		}
		c = runBinary(t, name, configs[n%2])
		servers[n%2] = c
		eventually(t, "it is used again", func() bool {
			var now struct{ Connections struct{ Open int } }
			_, body, _ := strings.Cut(c.page("/status"), "\r\n\r\n")
			return json.Unmarshal([]byte(body), &now) == nil && now.Connections.Open > 0
		})
	}
	crowd.leave()
	crowd.judge(began)
}

// startHAProxy runs it until the test ends.
func startHAProxy(t *testing.T, config string) {
	t.Helper()
	folder := t.TempDir()
	rewrite(t, filepath.Join(folder, "conf"), config)
	process := exec.Command("haproxy", "-db", "-f", "conf")
	var said sharedText
	process.Dir, process.Stdout, process.Stderr = folder, &said, &said
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = process.Process.Signal(syscall.SIGTERM) // who runs in the background may have SIGINT ignored
		_ = process.Wait()
		if t.Failed() {
			t.Logf("HAProxy said:\n%s", said.String())
		}
	})
}

// sharedText is what several write.
type sharedText struct {
	sync.Mutex
	strings.Builder
}

func (s *sharedText) Write(b []byte) (int, error) {
	s.Lock()
	defer s.Unlock()
	return s.Builder.Write(b)
}
