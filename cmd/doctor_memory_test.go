package cmd

import (
	"bufio"
	"encoding/json"
	"io"
	"math"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"weir/cmd/doctor"
	"weir/cmd/needs"
)

// TestSlowDoctorMemory holds doctor's memory figure against 15,000 connections: resident memory of a server, and half of
// what the slab caches of the machine grew by, which is another reading than doctor's. The machine should be quiet.
func TestSlowDoctorMemory(t *testing.T) {
	needs.Slow(t)
	const n, tolerance = 15_000, 0.15
	if openFileLimit() < n+1000 {
		t.Skipf("%d files are too few", openFileLimit())
	}
	var report doctor.Report
	var out strings.Builder
	run([]string{"doctor", "--json", "--connections", strconv.Itoa(n)}, &out, io.Discard)
	if err := json.Unmarshal([]byte(out.String()), &report); err != nil {
		t.Fatal(err)
	}
	server := startChild(t, "--max-connections", "16000")
	slabBefore := slabBytes(t)
	const hello = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25",` +
		`"capabilities":{},"clientInfo":{"name":"me","version":"1"}}}` + "\n" +
		`{"jsonrpc":"2.0","method":"notifications/initialized"}` + "\n" +
		`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"echo","arguments":{"message":"x"}}}` + "\n"
	conns := make([]net.Conn, n)
	for i := range conns {
		c, err := net.Dial("tcp", server.addresses["tcp"])
		if err != nil {
			t.Fatal(i, err)
		}
		defer c.Close()
		conns[i] = c
		if _, err := io.WriteString(c, hello); err != nil {
			t.Fatal(i, err)
		}
		answers := bufio.NewReaderSize(c, 4096)
		for range 2 {
			if _, err := answers.ReadString('\n'); err != nil {
				t.Fatal(i, err)
			}
		}
	}
	resident, since := int64(math.MaxInt64), time.Now()
	within(t, time.Minute, func() string { return "resident memory falls on" }, func() bool {
		if now, _ := server.resident(); now < resident { // the collector gives back what opening took
			resident, since = now, time.Now()
		}
		return time.Since(since) > 2*time.Second
	})
	kernel := (slabBytes(t) - slabBefore) / 2
	measured := resident + kernel
	off := float64(report.MemoryBytes)/float64(measured) - 1
	t.Logf("doctor %d MiB (a socket %d bytes, %s); measured %d MiB: resident %d, kernel %d (%d bytes a socket); %+.1f %%",
		report.MemoryBytes>>20, report.Socket.Bytes, report.Socket.Source, measured>>20, resident>>20, kernel>>20, kernel/n, 100*off)
	if math.Abs(off) > tolerance {
		t.Errorf("the figure is %+.1f %% off", 100*off)
	}
}

func slabBytes(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "\nSlab:")
	kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if !ok || err != nil {
		t.Fatal(err)
	}
	return kib << 10
}
