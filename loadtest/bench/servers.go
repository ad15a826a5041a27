package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"weir/loadtest/observe"
	"weir/loadtest/wire"
)

// peer builds one of the servers under loadtest/peers and starts it; it returns its address.
func (e *env) peer(name string, args ...string) (*observe.Process, string, error) {
	binary := filepath.Join(e.dir, name)
	if _, err := os.Stat(binary); err != nil {
		e.progress("building %s", name)
		build := exec.CommandContext(e.ctx, "go", "build", "-C", filepath.Join("loadtest", "peers", name), "-o", binary, ".")
		if out, err := build.CombinedOutput(); err != nil {
			return nil, "", fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
	}
	var address string
	ctx, cancel := context.WithTimeout(e.ctx, startTimeout)
	defer cancel()
	p, err := observe.StartProcess(ctx, name, append([]string{binary}, args...), func(line string) bool {
		rest, ok := strings.CutPrefix(line, "listening ")
		if ok {
			address = rest
		}
		return ok
	})
	if err != nil {
		return nil, "", err
	}
	e.servers = append(e.servers, p)
	return p, address, nil
}

// server is a running weir.
type server struct {
	*observe.Process
	tcp, http, unix string
	admin           string // http://host:port
}

// weir starts the server under test. yaml is its configuration beside the addresses, which are always free ones.
func (e *env) weir(yaml string) (*server, error) {
	name := fmt.Sprintf("%s-%d", e.name, len(e.servers)) // a benchmark may have several at once
	file := filepath.Join(e.dir, name+".yaml")
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		return nil, err
	}
	// The admin listener tells all other addresses, so its own must be known: one that was free a moment ago.
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	admin := probe.Addr().String()
	probe.Close()
	socket := filepath.Join(e.dir, name+".sock")
	ctx, cancel := context.WithTimeout(e.ctx, startTimeout)
	defer cancel()
	p, err := observe.StartProcess(ctx, "weir", []string{e.config.weir, "serve", "--config", file, "--http", "127.0.0.1:0",
		"--tcp", "127.0.0.1:0", "--unix", socket, "--admin", admin}, nil)
	if err != nil {
		return nil, err
	}
	e.servers = append(e.servers, p)
	s := &server{Process: p, admin: "http://" + admin}
	err = e.poll(20*time.Millisecond, startTimeout, func() (bool, error) {
		if !p.Alive() {
			return false, fmt.Errorf("weir ended:\n%s", p.Output())
		}
		status, err := s.status()
		if err != nil {
			return false, nil // not up yet
		}
		s.listens(status)
		return s.tcp != "" && s.http != "", nil
	})
	if err != nil {
		return nil, fmt.Errorf("weir did not come up: %w\n%s", err, p.Output())
	}
	return s, nil
}

func (s *server) listens(status status) {
	s.tcp, s.http, s.unix = status.Listeners["tcp"], status.Listeners["http"], status.Listeners["unix"]
}

// changing starts weir with a list that can be changed (loadtest/peers/changing).
func (e *env) changing() (*server, error) {
	p, admin, err := e.peer("changing")
	if err != nil {
		return nil, err
	}
	s := &server{Process: p, admin: "http://" + admin}
	status, err := s.status()
	if err != nil {
		return nil, err
	}
	s.listens(status)
	return s, nil
}

// tell has a changing server do something.
func (s *server) tell(path string) error {
	answer, err := adminClient.Post(s.admin+path, "", nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("POST %s: %s", path, answer.Status)
	}
	return nil
}

// live is how many bytes of its heap a changing server has in use: garbage, which RSS has in it, is no load.
func (s *server) live() (float64, error) {
	b, err := s.get("/live")
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(string(b), 64)
}

// status is what /status says that a benchmark needs.
type status struct {
	Listeners  map[string]string `json:"listeners"`
	Goroutines int               `json:"goroutines"`
	Queue      struct {
		Waiting          int `json:"waiting_messages"`
		WaitingLimit     int `json:"waiting_limit"`
		ExecutingCompute int `json:"executing_compute"`
		ExecutingWait    int `json:"executing_wait"`
	} `json:"queue"`
}

func (s *server) status() (status, error) {
	b, err := s.get("/status")
	var st status
	if err == nil {
		err = json.Unmarshal(b, &st)
	}
	return st, err
}

// metrics returns the server's series by name with labels.
func (s *server) metrics() (map[string]float64, error) {
	b, err := s.get("/metrics")
	if err != nil {
		return nil, err
	}
	series := map[string]float64{}
	for in := bufio.NewScanner(strings.NewReader(string(b))); in.Scan(); {
		name, value, ok := strings.Cut(in.Text(), "} ")
		if ok {
			name += "}"
		} else {
			name, value, _ = strings.Cut(in.Text(), " ")
		}
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			series[name] = v
		}
	}
	return series, nil
}

// adminClient asks on a connection of its own each time: a kept one would be one of the goroutines that are counted.
var adminClient = http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

const maxAdminBytes = 16 << 20

func (s *server) get(path string) ([]byte, error) {
	answer, err := adminClient.Get(s.admin + path)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s", path, answer.Status)
	}
	return io.ReadAll(io.LimitReader(answer.Body, maxAdminBytes))
}

// address of a transport.
func (s *server) address(t wire.Transport) string {
	if t == wire.Line {
		return s.tcp
	}
	return s.http
}
