package socket

import (
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What is read late is known to have come early.
func TestReadStamped(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	to, err := Address("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	fd, err := Dial(to, NoSource, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer Reset(fd)
	Stamp(fd)
	peer, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	until := time.Now().Add(10 * time.Second)
	for { // the kernel begins to note times a moment after the first socket asks for it
		before := time.Now()
		if _, err := io.WriteString(peer, "hello"); err != nil {
			t.Fatal(err)
		}
		readable := []unix.PollFd{{Fd: fd, Events: unix.POLLIN}}
		for n := 0; n == 0; {
			if n, err = unix.Poll(readable, -1); err != nil && err != unix.EINTR {
				t.Fatal(err)
			}
		}
		after := time.Now()
		for time.Since(after) == 0 { // it is read later than it came
		}
		var b, control [64]byte
		n, at, errno := ReadStamped(fd, b[:], control[:])
		if errno != 0 || string(b[:n]) != "hello" {
			t.Fatalf("%q, %v", b[:n], errno)
		}
		if at == 0 && after.Before(until) {
			continue
		}
		if came := time.Unix(0, at); came.Before(before) || came.After(after) {
			t.Errorf("it came at %v, and not between %v and %v", came, before, after)
		}
		return
	}
}
