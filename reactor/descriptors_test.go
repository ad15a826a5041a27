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
	o.HTTP, o.TCP, o.FirstByteTimeout, o.Loops = "", "127.0.0.1:0", time.Hour, 1
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
		// Read first: once descriptors ran out, nobody more is accepted, and the connections that follow are all.
		ranOut := (&server{set: set}).metric("weir_out_of_descriptors_total")
		fmt.Fprintln(out, s.Connections(), (&server{set: set}).metric("weir_loop_turns_total"), ranOut)
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

// state asks for open connections, turns of the loop so far, and how often descriptors ran out.
func (c *child) state() (connections, turns, ranOut int) {
	c.t.Helper()
	_, err := io.WriteString(c.in, "\n")
	must(c.t, err)
	_, err = fmt.Fscanln(c.out, &connections, &turns, &ranOut)
	must(c.t, err)
	return connections, turns, ranOut
}

func TestOutOfDescriptors(t *testing.T) {
	c, s := startChild(t), &server{t: t}
	dial := func() *peer {
		conn, err := net.Dial("tcp", c.address)
		must(t, err)
		t.Cleanup(func() { conn.Close() })
		return s.peerOf(conn)
	}
	peers := make([]*peer, 150)
	for i := range peers {
		peers[i] = dial()
	}
	served, turns, ranOut := 0, 0, 0
	s.eventually("descriptors run out", func() bool {
		served, turns, ranOut = c.state()
		return ranOut > 0
	})
	t.Logf("%d connections are served with %d descriptors", served, childDescriptors)
	answer := func() {
		for _, p := range peers[:served] {
			p.answers()
		}
	}
	answer()
	_, turns, ranOut = c.state()
	more, tries := 0, 0
	s.eventually("it tries again, and again", func() bool {
		_, more, tries = c.state()
		more, tries = more-turns, tries-ranOut
		return tries > 3
	})
	if more > 10*tries { // two are for the timer and the listener
		t.Errorf("it turned %d times for %d tries: it never rests", more, tries)
	}
	answer()
	waiting := peers[served:]
	said := make(chan string, len(waiting))
	for _, p := range waiting {
		go func() {
			_, _ = io.WriteString(p.Conn, pingLine) // refused peers are closed already
			text, _ := p.r.ReadString('\n')
			said <- text
		}()
	}
	for _, p := range peers[:served-1] {
		p.Close()
	}
	answered, refused := 0, 0
	for range waiting {
		switch text := <-said; {
		case strings.Contains(text, `"result":{}`):
			answered++
		case strings.Contains(text, `"reason":"connection_limit"`):
			refused++
		default:
			t.Errorf("a peer that waited got %q", text)
		}
	}
	if _, _, ranOut = c.state(); refused > ranOut {
		t.Errorf("%d were refused, and descriptors ran out %d times", refused, ranOut)
	}
	s.eventually("those that left are closed", func() bool {
		connections, _, _ := c.state()
		return connections == answered+1
	})
	dial().answers()
	t.Logf("%d of those that waited were answered, %d refused", answered, refused)
}
