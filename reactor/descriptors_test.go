package reactor

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"golang.org/x/sys/unix"

	"weir/backpressure"
	"weir/registry"
)

// descriptorChild is set for the test binary that is only a server with few descriptors. It says its address, and for
// each line it reads, its state.
const descriptorChild = "WEIR_TEST_DESCRIPTOR_CHILD"

const childDescriptors = 100

func runDescriptorChild() int {
	if err := childServer(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func childServer(in io.Reader, out io.Writer) error {
	limit := unix.Rlimit{Cur: childDescriptors, Max: childDescriptors}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	o, b, r := DefaultOptions(), backpressure.DefaultOptions(), namedOptions()
	o.HTTP, o.TCP, o.FirstByteTimeout = "", "127.0.0.1:0", time.Minute
	b.MaxConnections = 4096
	set := metrics.NewSet()
	r.Metrics = set
	reg, err := registry.New(r)
	if err != nil {
		return err
	}
	s, err := New(reg, Config{Options: &o, Queue: &b, Metrics: set, Log: silent})
	if err == nil {
		err = s.Listen()
	}
	if err == nil {
		err = s.Start()
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(out, s.Addrs()["tcp"])
	for lines := bufio.NewScanner(in); lines.Scan(); {
		var used unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
			return err
		}
		// Read first: once descriptors ran out, nobody more is accepted, and the connections that follow are all.
		ranOut := (&server{set: set}).metric("weir_out_of_descriptors_total")
		fmt.Fprintln(out, s.Connections(), (used.Utime.Nano()+used.Stime.Nano())/1e6, ranOut)
	}
	return nil
}

// child is that process.
type child struct {
	t       *testing.T
	in      io.Writer
	out     *bufio.Reader
	address string
}

func startChild(t *testing.T) *child {
	t.Helper()
	executable, err := os.Executable()
	must(t, err)
	command := exec.Command(executable)
	command.Env = append(os.Environ(), descriptorChild+"=1")
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	must(t, err)
	out, err := command.StdoutPipe()
	must(t, err)
	must(t, command.Start())
	t.Cleanup(func() {
		in.Close()
		if err := command.Wait(); err != nil {
			t.Error(err)
		}
	})
	c := &child{t: t, in: in, out: bufio.NewReader(out)}
	c.address, err = c.out.ReadString('\n')
	must(t, err)
	c.address = strings.TrimSpace(c.address)
	return c
}

// state asks for open connections, milliseconds of CPU so far, and how often descriptors ran out.
func (c *child) state() (connections, cpu, ranOut int) {
	c.t.Helper()
	_, err := io.WriteString(c.in, "\n")
	must(c.t, err)
	_, err = fmt.Fscanln(c.out, &connections, &cpu, &ranOut)
	must(c.t, err)
	return connections, cpu, ranOut
}

func TestOutOfDescriptors(t *testing.T) {
	c := startChild(t)
	peers := make([]*peer, 150)
	said := make(chan string, len(peers))
	for i := range peers {
		conn, err := net.Dial("tcp", c.address)
		must(t, err)
		defer conn.Close()
		must(t, conn.SetDeadline(time.Now().Add(patience)))
		peers[i] = &peer{Conn: conn, t: t, r: bufio.NewReader(conn)}
	}
	s := &server{t: t}
	served := 0
	s.eventually("descriptors run out", func() bool {
		var ranOut int
		served, _, ranOut = c.state()
		return ranOut > 0
	})
	t.Logf("%d connections are served with %d descriptors", served, childDescriptors)
	for _, p := range peers[:served] {
		p.answers()
	}
	_, before, _ := c.state()
	<-time.After(time.Second)
	if _, after, _ := c.state(); after-before > 200 {
		t.Errorf("it used %d ms of CPU in a second in which nothing could be done", after-before)
	}
	for _, p := range peers[:served] {
		p.answers()
	}
	for _, p := range peers[served:] {
		go func() {
			_, _ = io.WriteString(p.Conn, pingLine) // refused peers are closed already
			text, _ := p.r.ReadString('\n')
			said <- text
		}()
	}
	for _, p := range peers[:served-1] {
		p.Close()
	}
	freed := time.Now()
	answered, refused := 0, 0
	for range peers[served:] {
		switch text := <-said; {
		case strings.Contains(text, `"result":{}`):
			answered++
		case strings.Contains(text, `"reason":"connection_limit"`):
			refused++
		default:
			t.Errorf("a peer that waited got %q", text)
		}
	}
	if took := time.Since(freed); took > time.Second {
		t.Errorf("the others were served after %v, want 1s at most", took)
	}
	if answered < 40 {
		t.Errorf("%d of those that waited were answered, %d refused", answered, refused)
	}
	t.Logf("%d of those that waited were answered, %d refused", answered, refused)
}
