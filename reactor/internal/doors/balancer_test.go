package doors

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"weir/cmd/needs"
)

// balancer is one that stands before the server, as Debian has it.
type balancer struct {
	name string
	// command is started in a folder of its own, where its configuration is in a file "conf".
	command []string
	config  func(t *testing.T) string // with the ports and times of docs/deploy
	// bare: it speaks HTTP/1.0 to the server, as nginx does unless told. No WebSocket passes.
	bare bool
	// hasty: it cuts an event stream that begins before it has found the end of the request's body, whatever serves it.
	// Its own error is "reading from backend: use of closed network connection"; docs/OPERATING.md has what to do.
	hasty bool
}

var balancers = []balancer{
	{name: "plain-nginx", command: nginxCommand, config: func(*testing.T) string {
		return nginxMain("server { listen 127.0.0.1:8000; location / { proxy_pass http://127.0.0.1:8080; }\n" +
			"location /tools/ { proxy_pass http://127.0.0.1:8080/; } }\n")
	}, bare: true},
	{name: "nginx", command: nginxCommand, config: func(t *testing.T) string {
		return nginxMain(deployed(t, "nginx.conf"))
	}},
	{name: "haproxy", command: []string{"haproxy", "-db", "-f", "conf"}, config: func(t *testing.T) string {
		return "global\n maxconn 2000\n" + deployed(t, "haproxy.cfg")
	}},
	{name: "caddy", command: []string{"caddy", "run", "--adapter", "caddyfile", "--config", "conf"},
		config: func(t *testing.T) string { return deployed(t, "Caddyfile") }, hasty: true},
}

var nginxCommand = []string{"nginx", "-p", ".", "-c", "conf", "-e", "stderr"}

// nginxMain is what Debian's nginx.conf has around its conf.d, with every file in the folder.
func nginxMain(http string) string {
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;\n" // else its workers cannot enter the folder
	}
	paths := ""
	for _, name := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		paths += fmt.Sprintf("%s_temp_path %s;\n", name, name)
	}
	return user + "daemon off;\npid pid;\nworker_processes 2;\nevents { worker_connections 1000; }\nhttp {\n" +
		"access_log off;\n" + paths + http + "}\n"
}

// deployed is a configuration that people are given.
func deployed(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "deploy", name))
	must(t, err)
	return string(b)
}

// before starts the balancer before a server, and returns where it listens. Its times are divided by factor.
func (b *balancer) before(t *testing.T, server string, factor int) (address string) {
	t.Helper()
	needs.Programs(t, "no client came through it", b.command[0])
	address = needs.Port(t)
	text := b.config(t)
	_, port, err := net.SplitHostPort(address)
	must(t, err)
	for _, part := range []struct{ old, new string }{
		{"127.0.0.1:8080", server}, {"127.0.0.1:8000", address}, {"://:8000", "://:" + port},
		{"60s", fmt.Sprintf("%dms", 60_000/factor)},
	} {
		text = strings.ReplaceAll(text, part.old, part.new)
	}
	if factor > 1 && b.bare { // what it has unless told
		text = strings.Replace(text, "http {", fmt.Sprintf("http { proxy_read_timeout %dms;", 60_000/factor), 1)
	}
	folder := t.TempDir()
	must(t, os.WriteFile(filepath.Join(folder, "conf"), []byte(text), 0o600))
	ctx, cancel := context.WithCancel(context.Background())
	process := exec.CommandContext(ctx, b.command[0], b.command[1:]...)
	process.Dir = folder
	process.Cancel = func() error { return process.Process.Signal(syscall.SIGTERM) } // its workers end with it
	process.WaitDelay = 5 * time.Second
	var log bytes.Buffer
	process.Stdout, process.Stderr = &log, &log
	must(t, process.Start())
	ended := make(chan struct{})
	go func() { _ = process.Wait(); close(ended) }()
	t.Cleanup(func() {
		cancel()
		<-ended
		if t.Failed() {
			t.Logf("%s said:\n%s", b.name, &log)
		}
	})
	for until := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			return address
		}
		select {
		case <-ended:
			t.Fatalf("%s ended:\n%s", b.name, &log)
		default:
		}
		if time.Now().After(until) {
			t.Fatalf("%s does not listen", b.name)
		}
	}
}
