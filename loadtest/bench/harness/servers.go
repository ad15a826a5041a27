package harness

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

// Peer builds one of the servers under loadtest/peers and starts it; it returns its address.
func (e *Env) Peer(name string, args ...string) (*observe.Process, string, error) {
	binary := filepath.Join(e.Dir, name)
	if _, err := os.Stat(binary); err != nil {
		e.Progress("building %s", name)
		build := exec.CommandContext(e.Ctx, "go", "build", "-C", filepath.Join("loadtest", "peers", name), "-o", binary, ".")
		if out, err := build.CombinedOutput(); err != nil {
			return nil, "", fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
	}
	var address string
	ctx, cancel := context.WithTimeout(e.Ctx, startTimeout)
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

// Server is a running weir.
type Server struct {
	*observe.Process
	TCP, HTTP, Unix string
	admin           string // http://host:port
}

// Weir starts the server under test. yaml is its configuration beside the addresses, which are always free ones.
func (e *Env) Weir(yaml string) (*Server, error) {
	name := fmt.Sprintf("%s-%d", e.name, len(e.servers)) // a benchmark may have several at once
	file := filepath.Join(e.Dir, name+".yaml")
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
	socket := filepath.Join(e.Dir, name+".sock")
	ctx, cancel := context.WithTimeout(e.Ctx, startTimeout)
	defer cancel()
	p, err := observe.StartProcess(ctx, "weir", []string{e.Setup.Program, "serve", "--config", file, "--http",
		"127.0.0.1:0",
		"--tcp", "127.0.0.1:0", "--unix", socket, "--admin", admin}, nil)
	if err != nil {
		return nil, err
	}
	e.servers = append(e.servers, p)
	s := &Server{Process: p, admin: "http://" + admin}
	err = e.Poll(20*time.Millisecond, startTimeout, func() (bool, error) {
		if !p.Alive() {
			return false, fmt.Errorf("weir ended:\n%s", p.Output())
		}
		status, err := s.Status()
		if err != nil {
			return false, nil // not up yet
		}
		s.listens(status)
		return s.TCP != "" && s.HTTP != "", nil
	})
	if err != nil {
		return nil, fmt.Errorf("weir did not come up: %w\n%s", err, p.Output())
	}
	return s, nil
}

func (s *Server) listens(status status) {
	s.TCP, s.HTTP, s.Unix = status.Listeners["tcp"], status.Listeners["http"], status.Listeners["unix"]
}

// Changing starts weir with a list that can be changed (loadtest/peers/changing).
func (e *Env) Changing() (*Server, error) {
	p, admin, err := e.Peer("changing")
	if err != nil {
		return nil, err
	}
	s := &Server{Process: p, admin: "http://" + admin}
	status, err := s.Status()
	if err != nil {
		return nil, err
	}
	s.listens(status)
	return s, nil
}

// Tell has a changing server do something.
func (s *Server) Tell(path string) error {
	answer, err := AdminClient.Post(s.admin+path, "", nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("POST %s: %s", path, answer.Status)
	}
	return nil
}

// Live is how many bytes of its heap a changing server has in use: garbage, which RSS has in it, is no load.
func (s *Server) Live() (float64, error) {
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
		Waiting           int `json:"waiting_messages"`
		WaitingLimit      int `json:"waiting_limit_messages"`
		ExecutingCompute  int `json:"executing_compute"`
		ExecutingBlocking int `json:"executing_blocking"`
	} `json:"queue"`
}

// Status asks the admin listener.
func (s *Server) Status() (status, error) {
	b, err := s.get("/status")
	var st status
	if err == nil {
		err = json.Unmarshal(b, &st)
	}
	return st, err
}

// Metrics returns the server's series by name with labels.
func (s *Server) Metrics() (map[string]float64, error) {
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

// AdminClient asks on a connection of its own each time: a kept one would be one of the goroutines that are counted.
var AdminClient = http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

const maxAdminBytes = 16 << 20

func (s *Server) get(path string) ([]byte, error) {
	answer, err := AdminClient.Get(s.admin + path)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s", path, answer.Status)
	}
	return io.ReadAll(io.LimitReader(answer.Body, maxAdminBytes))
}

// Address of a transport.
func (s *Server) Address(t wire.Transport) string {
	if t == wire.Line {
		return s.TCP
	}
	return s.HTTP
}
