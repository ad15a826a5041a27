package upgrade

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pair is both ends, without a process.
func pair(t *testing.T) (old *Successor, young *Predecessor) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var links [2]link
	for i, fd := range fds {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, maxMessageBytes); err != nil {
			t.Fatal(err)
		}
		if links[i], err = newLink(fd); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { links[i].conn.Close() })
	}
	return &Successor{link: links[0], receiver: links[0].receiver(maxMessageBytes), patience: replyTimeout},
		&Predecessor{link: links[1], receiver: links[1].receiver(maxMessageBytes)}
}

// connection is a descriptor to send, and its other end.
func connection(t *testing.T) (fd int, peer net.Conn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fds[1]), "peer")
	defer file.Close()
	if peer, err = net.FileConn(file); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close() })
	return fds[0], peer
}

// TestGiveBack: what is given back comes with its bytes and its descriptor; what was given before the old process takes
// no more still comes, and nothing after it.
func TestGiveBack(t *testing.T) {
	old, young := pair(t)
	for _, read := range []string{"", "GET / HTTP/1.1\r\n\r\n", strings.Repeat("x", 64<<10)} {
		fd, _ := connection(t)
		if err := young.GiveBack(fd, []byte(read)); err != nil {
			t.Fatal(err)
		}
		unix.Close(fd)
	}
	young.Reload()
	old.StopTaking()
	fd, _ := connection(t)
	defer unix.Close(fd)
	if err := young.GiveBack(fd, nil); !errors.Is(err, ErrGone) {
		t.Errorf("after the end: %v", err)
	}
	var got []int
	reloads := 0
	old.Serve(Taker{func(fd int, read []byte) {
		got = append(got, len(read))
		if _, err := unix.Write(fd, []byte("x")); err != nil {
			t.Error(err)
		}
		unix.Close(fd)
	}, func() { reloads++ }})
	if len(got) != 3 || got[0] != 0 || got[1] != 18 || got[2] != 64<<10 || reloads != 1 {
		t.Errorf("came %d, %d reloads", got, reloads)
	}
}

// TestGiveBackBeforeServing: a new process has connections before it can say that it serves, and may give one back.
func TestGiveBackBeforeServing(t *testing.T) {
	old, young := pair(t)
	fd, _ := connection(t)
	defer unix.Close(fd)
	if err := young.GiveBack(fd, []byte("early")); err != nil {
		t.Fatal(err)
	}
	young.Reload()
	if err := young.link.send(kindServing, nil); err != nil {
		t.Fatal(err)
	}
	var got []string
	taker := Taker{func(fd int, read []byte) {
		got = append(got, string(read))
		unix.Close(fd)
	}, func() { got = append(got, "reload") }}
	if err := old.Go(7, taker); err != nil || strings.Join(got, " ") != "early reload" {
		t.Errorf("%v, came %q", err, got)
	}
	if connections, err := young.Ready(); err != nil || connections != 7 {
		t.Errorf("it goes with %d, %v", connections, err)
	}
}

// TestGiveBackIsBounded: a process that does not come after is given so much and no more; what is too large for a
// message never is.
func TestGiveBackIsBounded(t *testing.T) {
	_, young := pair(t)
	fd, _ := connection(t)
	defer unix.Close(fd)
	given := 0
	for ; given < 10_000; given++ {
		if err := young.GiveBack(fd, make([]byte, 4<<10)); err != nil {
			if !errors.Is(err, unix.EAGAIN) {
				t.Error(err)
			}
			break
		}
	}
	if given == 0 || given > 200 {
		t.Errorf("%d times 4 KiB were given", given)
	}
	if err := young.GiveBack(fd, make([]byte, 2<<20)); err == nil || errors.Is(err, ErrGone) {
		t.Errorf("a message of 2 MiB: %v", err)
	}
}

// TestInherit: the new process has the offered sockets, by what it is configured to.
func TestInherit(t *testing.T) {
	old, young := pair(t)
	var sockets []Socket
	for _, name := range []string{"http", "tcp", "unix"} {
		fd, _ := connection(t)
		defer unix.Close(fd)
		sockets = append(sockets, Socket{Name: name, Address: "here", Lent: name == "unix", Fd: fd})
	}
	if err := old.link.send(kindOffer, Offer{PID: 7, Version: "1", StateKey: "k", Sockets: sockets}, sockets[0].Fd,
		sockets[1].Fd, sockets[2].Fd); err != nil {
		t.Fatal(err)
	}
	file, err := young.link.conn.File()
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD, 0)
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
	t.Setenv(Variable, strconv.Itoa(fd))
	p, err := Inherit()
	if err != nil {
		t.Fatal(err)
	}
	if p.PID != 7 || p.Version != "1" || p.StateKey != "k" || os.Getenv(Variable) != "" {
		t.Errorf("got %+v", p.Offer)
	}
	got, own := p.Sockets(func(name string) string { return map[string]string{"http": "here", "tcp": "there"}[name] })
	if len(got) != 2 || got["http"] == nil || got["unix"] == nil || !own["http"] || own["unix"] {
		t.Errorf("sockets %v, own %v", got, own)
	}
	p.Refuse(errors.New("no"))
	if p, err := Inherit(); p != nil || err != nil {
		t.Errorf("nobody: %v, %v", p, err)
	}
	t.Setenv(Variable, "x")
	if _, err := Inherit(); err == nil || !strings.Contains(err.Error(), "no descriptor") {
		t.Errorf("no number: %v", err)
	}
}

// TestFollow: the new process hears how many connections the old one has, until that ends.
func TestFollow(t *testing.T) {
	old, young := pair(t)
	old.Count(5)
	old.Count(3)
	old.Close()
	var got []int
	young.Follow(func(n int) { got = append(got, n) })
	if len(got) != 2 || got[0] != 5 || got[1] != 3 {
		t.Errorf("heard %d", got)
	}
}

// TestStartFails: a program that cannot be started, or does not know what it is to do, or is to wait for, is ended.
func TestStartFails(t *testing.T) {
	f := func(ctx context.Context, want, program string, args ...string) {
		t.Helper()
		o := Options{Program: program, Args: args, Timeout: 300 * time.Millisecond}
		if _, err := Start(ctx, o, Offer{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s %q: %v, want %q", program, args, err, want)
		}
	}
	f(t.Context(), "start /nowhere", "/nowhere")
	f(t.Context(), "exit status 3", "/bin/sh", "-c", "exit 3")
	f(t.Context(), "not ready within upgrade_timeout (300ms)", "/bin/sh", "-c", "exec sleep 60")
	over, cancel := context.WithCancel(t.Context())
	cancel()
	f(over, "is to stop", "/bin/sh", "-c", "exec sleep 60")
}

// TestSuccessorHangs: a new process that was ready and does not serve is ended, whatever it waits for.
func TestSuccessorHangs(t *testing.T) {
	s, err := Start(t.Context(), Options{Program: os.Args[0], Env: append(os.Environ(), hangs+"=1"),
		Timeout: time.Minute}, Offer{})
	if err != nil {
		t.Fatal(err)
	}
	s.patience = 200 * time.Millisecond
	err = s.Go(0, Taker{})
	if err == nil || err.Error() != "it was ready and did not serve within 200ms, and was ended" {
		t.Errorf("it says %v", err)
	}
	select {
	case <-s.exited:
	default:
		t.Error("the process lives")
	}
}

// TestScriptKeepsNoSocket: who does not say hello, as a script that hangs, is sent no socket, which what it has started
// would keep open after its end.
func TestScriptKeepsNoSocket(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	file, err := ln.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	told := filepath.Join(t.TempDir(), "pid")
	script := "sleep 60 & echo $! > " + told + "; wait"
	_, err = Start(t.Context(), Options{Program: "/bin/sh", Args: []string{"-c", script}, Timeout: time.Second},
		Offer{Sockets: []Socket{{Name: "tcp", Fd: int(file.Fd())}}})
	if err == nil || !strings.Contains(err.Error(), "not ready within upgrade_timeout") {
		t.Errorf("it says %v", err)
	}
	text, err := os.ReadFile(told)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Kill(pid, unix.SIGKILL)
	if err := unix.Kill(pid, 0); err != nil {
		t.Fatalf("what the script has started is over: %v", err)
	}
	address := ln.Addr().String()
	file.Close()
	ln.Close()
	if conn, err := net.Dial("tcp", address); err == nil {
		conn.Close()
		t.Error("somebody still listens")
	}
}
