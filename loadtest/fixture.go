package loadtest

import (
	"bufio"
	"context"
	"flag"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// testServer answers lines: what answer returns for a line is written back. It ends with the test.
func testServer(t *testing.T, network string, answer func(line string) string) string {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "s")
	}
	ln, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[conn] = true
			mu.Unlock()
			wg.Go(func() {
				defer conn.Close()
				in := bufio.NewReaderSize(conn, 64<<10)
				for {
					line, err := in.ReadString('\n')
					if err != nil {
						return
					}
					out := answer(strings.TrimSuffix(line, "\n"))
					if out == hangUpNow {
						return
					}
					if _, err := conn.Write([]byte(out)); err != nil {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() {
		ln.Close()
		mu.Lock()
		for conn := range open {
			conn.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return ln.Addr().String()
}

// hangUpNow is an answer that closes the connection instead.
const hangUpNow = "\x00"

// id cuts the id out of a request of the fleet's.
func id(line string) string { return line[len(messagePrefix) : len(messagePrefix)+idDigits] }

// echo answers a request as the tool echo does, and says nothing to what is none.
func echo(line string) string {
	if !strings.HasPrefix(line, messagePrefix) {
		return ""
	}
	return messagePrefix + id(line) + `,"result":{"content":[{"type":"text","text":"0123456789abcdef"}]}}` + "\n"
}

// within bounds what a test waits for.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

var update = flag.Bool("update", false, "write the golden files anew instead of comparing with them")

// compareWithFile holds what a test made against a file; -update writes the file.
func compareWithFile(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (-update writes it):\n%s", file, got)
	}
}
