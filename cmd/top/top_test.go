package top

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"weir/cmd/live"
)

func TestTexts(t *testing.T) {
	f := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(whole(0), "0")
	f(whole(999), "999")
	f(whole(1000), "1,000")
	f(whole(uint64(12345678)), "12,345,678")
	f(rate(live.Unknown), "-")
	f(rate(0), "0")
	f(rate(3.14), "3.1")
	f(rate(4321.4), "4,321")
	f(seconds(live.Unknown), "-")
	f(seconds(0.0000501), "50.1 µs")
	f(seconds(0.0279), "27.9 ms")
	f(seconds(9.999), "10.0 s")
	f(seconds(120), "120 s")
	f(part(0.005), "0.5 %")
	f(part(0.5), "50 %")
	f(size(871), "871 B")
	f(size(1741), "1.70 KiB")
	f(size(512<<20), "512 MiB")
	f(long(59*time.Second), "59 s")
	f(long(61*time.Second), "1 min 1 s")
	f(long(26*time.Hour), "1 d 2 h")
	f(plain("a\x1b[2Jb\n"), "a?[2Jb?")
	f(column("abcdef", 4), "abc~")
	f(column("ab", -4), "  ab")
	f(spark([]live.Number{0, 1, 2, live.Unknown, 4}, 6), " ▁▂▄ █")
}

func sample() *scene {
	s := &scene{order: "age", look: live.Look{Facts: live.Facts{Program: "weir", Version: "1"}}}
	s.look.Pressure.Level = "none"
	s.look.Latency = []live.Latency{{Class: "all", P50: live.Unknown, P95: live.Unknown, P99: live.Unknown}}
	for i := range 30 {
		s.look.Tools = append(s.look.Tools, live.Tool{Name: fmt.Sprint("tool\x1b[31m", i), Calls: uint64(100 - i)})
		s.roll.Rows = append(s.roll.Rows, live.Row{Transport: "tcp", Peer: "127.0.0.1:1", Principal: "a\x07b"})
	}
	return s
}

// TestFrameFits: whatever the size, nothing is wider or longer than the screen, and no name reaches the terminal as it
// is.
func TestFrameFits(t *testing.T) {
	for _, size := range [][2]int{{20, 5}, {40, 10}, {80, 24}, {200, 60}, {1, 1}} {
		for _, colour := range []bool{false, true} {
			lines := sample().draw(size[0], size[1], colour)
			if len(lines) != size[1] {
				t.Errorf("%v: %d lines", size, len(lines))
			}
			for _, line := range lines {
				for _, code := range []string{bold, dim, green, amber, red, "0"} {
					line = strings.ReplaceAll(line, "\x1b["+code+"m", "")
				}
				if !colour && strings.Contains(strings.Join(lines, ""), "\x1b") || strings.ContainsAny(line, "\x1b\x07") {
					t.Fatalf("%v, colour %t: %q", size, colour, line)
				}
				if n := utf8.RuneCountInString(line); n > max(20, size[0]) {
					t.Errorf("%v: %d columns: %q", size, n, line)
				}
			}
		}
	}
}

// TestKeys: what is pressed, and what comes of it.
func TestKeys(t *testing.T) {
	f := func(keys string, done bool, order, filter string, typing, paused bool) {
		t.Helper()
		s := sample()
		ended := false
		for _, key := range []byte(keys) {
			over, _ := s.press(key)
			ended = ended || over
		}
		if ended != done || s.order != order || s.filter != filter || s.typing != typing || s.paused != paused {
			t.Errorf("%q: done %t, order %s, filter %q, typing %t, paused %t", keys, ended, s.order, s.filter, s.typing,
				s.paused)
		}
	}
	f("q", true, "age", "", false, false)
	f("\x03", true, "age", "", false, false)
	f("ss", false, "bytes", "", false, false)
	f("ssss", false, "age", "", false, false)
	f("p", false, "age", "", false, true)
	f("pp", false, "age", "", false, false)
	f("ftcp  sq\r", false, "age", "tcp sq", false, false)
	f("fabc\x7f\x7fx\r", false, "age", "ax", false, false)
	f("fabc\x1b", false, "age", "", false, false)
	f("fabc\x15\r", false, "age", "", false, false)
	f("fabc", false, "age", "", true, false)
	f("fabc\x03", true, "age", "", true, false)
}

func TestFilterOf(t *testing.T) {
	f := func(words, want string) {
		t.Helper()
		if got := filterOf(words).Encode(); got != want {
			t.Errorf("%q: got %s, want %s", words, got, want)
		}
	}
	f("", "")
	f("tcp 10.0.0.0/8", "peer=10.0.0.0%2F8&transport=tcp")
	f("::1 alice min_bytes=4096", "min_bytes=4096&peer=%3A%3A1&principal=alice")
}

// TestAnotherProcess: of a server that was started anew nothing of the old one is shown.
func TestAnotherProcess(t *testing.T) {
	look := func(pid int, second int64, calls live.Number) live.Look {
		l := sample().look
		l.PID, l.Time = pid, time.Unix(second, 0)
		l.History = live.History{Seconds: []int64{second}, Curves: map[string][]live.Number{"calls": {calls}}}
		return l
	}
	s := &scene{}
	s.add(look(1, 10, 5))
	s.add(look(1, 11, 6))
	if s.before == nil || len(s.curves["calls"]) != 2 || s.last != 11 {
		t.Errorf("%+v", s)
	}
	if tools := s.tools(); tools[0].rate != 0 {
		t.Errorf("%+v", tools[0])
	}
	s.add(look(2, 12, 7))
	if s.before != nil || len(s.curves["calls"]) != 1 || s.last != 12 || !math.IsNaN(float64(s.tools()[0].rate)) {
		t.Errorf("%+v", s)
	}
}
