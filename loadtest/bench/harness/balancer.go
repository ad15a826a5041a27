package harness

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"weir/loadtest/observe"
)

// Balancers are those of docs/deploy, by their programs.
var Balancers = []string{"nginx", "haproxy"}

// Balancer starts a balancer before a server, as docs/deploy has it, and returns its address; "" where the program is
// not installed.
func (e *Env) Balancer(program, server string) (*observe.Process, string, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/" + program); err != nil {
			return nil, "", nil
		}
	}
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	address := probe.Addr().String()
	probe.Close()
	folder, err := os.MkdirTemp(e.Dir, program)
	if err != nil {
		return nil, "", err
	}
	file := filepath.Join(folder, "conf")
	text, command, err := balancerConfig(program, folder)
	if err != nil {
		return nil, "", err
	}
	text = strings.NewReplacer("127.0.0.1:8080", server, "127.0.0.1:8000", address).Replace(text)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, "", err
	}
	ctx, cancel := context.WithTimeout(e.Ctx, startTimeout)
	defer cancel()
	p, err := observe.StartProcess(ctx, program, append(append([]string{path}, command...), file), nil)
	if err != nil {
		return nil, "", err
	}
	e.servers = append(e.servers, p)
	err = e.Poll(20*time.Millisecond, startTimeout, func() (bool, error) {
		if !p.Alive() {
			return false, fmt.Errorf("%s ended:\n%s", program, p.Output())
		}
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
		}
		return err == nil, nil
	})
	return p, address, err
}

// balancerConfig is what docs/deploy says, with what Debian has around it, and the command that takes a file of it.
func balancerConfig(program, folder string) (text string, command []string, err error) {
	if program == "haproxy" {
		deployed, err := os.ReadFile("docs/deploy/haproxy.cfg")
		return "global\n    maxconn 2000\n" + string(deployed), []string{"-db", "-f"}, err
	}
	deployed, err := os.ReadFile("docs/deploy/nginx.conf")
	main := "daemon off;\npid pid;\nworker_processes auto;\nevents { worker_connections 4000; }\nhttp {\naccess_log off;\n"
	if os.Geteuid() == 0 {
		main = "user root;\n" + main // else its workers cannot enter the folder
	}
	for _, name := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		main += name + "_temp_path " + name + ";\n"
	}
	return main + string(deployed) + "}\n", []string{"-p", folder, "-e", "stderr", "-c"}, err
}
