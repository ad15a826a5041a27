package reactor

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"strings"
	"testing"

	"weir/reactor/mount"
)

// Other mounts while the server runs.

// playedOn is the server of a mount that the test plays at a socket of its own, and the mount's options.
func playedOn(t *testing.T) (*played, *mount.Options) {
	t.Helper()
	path := t.TempDir() + "/m.sock"
	ln, err := net.Listen("unix", path)
	must(t, err)
	t.Cleanup(func() { ln.Close() })
	o := mount.DefaultOptions()
	o.Unix = path
	return &played{t: t, ln: ln}, &o
}

// pidOf calls the tool of a mount that is a child, and says which process answered.
func pidOf(c *lineClient, tool string) int {
	c.t.Helper()
	c.say(callOf(99, tool, ""))
	var answer struct {
		Result struct {
			Meta struct{ PID int } `json:"_meta"`
		}
	}
	must(c.t, json.Unmarshal([]byte(c.hear()), &answer))
	return answer.Result.Meta.PID
}

// TestMountsReplaced: who did not change keeps its process; who changed serves until the new one does, and answers what
// it was sent; who is gone offers nothing, and ends after its last answer. Clients stay and hear of it.
func TestMountsReplaced(t *testing.T) {
	first, to1 := playedOn(t)
	second, to2 := playedOn(t)
	keep := childOptions(t, "answers")
	s := startConfig(t, func(c *Config) { c.Mounts = map[string]*mount.Options{"m": to1, "keep": keep} })
	first.greet(toolA)
	s.eventually("the mounts are there", func() bool {
		m := s.Status().Mounts
		return m[0].Up && m[1].Up && m[0].Tools+m[1].Tools == 2
	})
	c := initialized(t, s)
	pid := pidOf(c, "keep_a")
	c.say(callOf(1, "m_a", ""))
	call1 := first.hear("tools/call")

	// What is wrong changes nothing.
	if err := s.ReplaceMounts(map[string]*mount.Options{"m": {}}); err == nil ||
		!strings.Contains(err.Error(), "0 of command") {
		t.Error(err)
	}
	moved := *keep
	moved.At = "elsewhere:1:1"
	must(t, s.ReplaceMounts(map[string]*mount.Options{"m": to2, "keep": &moved}))
	second.accept()
	hello := second.hear("initialize")
	c.say(callOf(2, "m_a", "")) // the new one has not listed its tools: the old one is there
	call2 := first.hear("tools/call")
	first.say(`{"jsonrpc":"2.0","id":%s,"result":{"content":[],"_meta":{"of":1}}}`, call2.ID)
	c.want(`{"jsonrpc":"2.0","id":2,"result":{"content":[],"_meta":{"of":1}}}`)
	second.say(`{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-06-18","capabilities":{}}}`, hello.ID)
	second.hear("notifications/initialized")
	second.list(toolA + "," + toolB)
	for line := ""; !strings.Contains(line, "notifications/tools/list_changed"); {
		var err error
		line, err = c.in.ReadString('\n')
		must(t, err)
	}
	s.eventually("the new one is there", func() bool { m := s.Status().Mounts[1]; return m.Up && m.Tools == 2 })
	c.say(callOf(3, "m_a", ""))
	call3 := second.hear("tools/call")
	first.say(`{"jsonrpc":"2.0","id":%s,"result":{"content":[]}}`, call1.ID) // which it was sent before
	c.want(`{"jsonrpc":"2.0","id":1,"result":{"content":[]}}`)
	if _, err := first.in.ReadByte(); err != io.EOF {
		t.Errorf("the old one: %v", err)
	}
	first.conn.Close()
	if again := pidOf(c, "keep_a"); again != pid {
		t.Errorf("the mount that did not change is process %d, was %d", again, pid)
	}

	must(t, s.ReplaceMounts(map[string]*mount.Options{"keep": &moved}))
	c.say(callOf(4, "m_a", ""))
	if got := c.hear(); !strings.Contains(got, `"id":4,`) || !strings.Contains(got, "-32602") {
		t.Errorf("of a mount that was removed: %s", got)
	}
	second.say(`{"jsonrpc":"2.0","id":%s,"result":{"content":[]}}`, call3.ID)
	c.want(`{"jsonrpc":"2.0","id":3,"result":{"content":[]}}`)
	if _, err := second.in.ReadByte(); err != io.EOF {
		t.Errorf("the removed one: %v", err)
	}
	second.conn.Close()
	for _, name := range s.set.ListMetricNames() {
		if strings.Contains(name, `mount="m"`) {
			t.Errorf("%s is there", name)
		}
	}

	// One that cannot be begun has the old one end all the same.
	broken := *keep
	broken.Command = "no-such-program"
	must(t, s.ReplaceMounts(map[string]*mount.Options{"keep": &broken}))
	s.nobodyIsLeft(keep.Env[marked])
	c.say(callOf(5, "keep_a", ""))
	if got := c.hear(); !strings.Contains(got, "-32602") {
		t.Error(got)
	}
	if starts := s.metric(`weir_mount_starts_total{mount="keep"}`); starts == "0" {
		t.Error("it was not begun")
	}
}

// TestMountsReplacedUnderCalls: clients that call all the time miss nothing while their mount is replaced, and no
// process is left. A replacement may come before the last one is there.
func TestMountsReplacedUnderCalls(t *testing.T) {
	o := childOptions(t, "answers")
	s := startConfig(t, func(c *Config) { c.Mounts = map[string]*mount.Options{"m": o} })
	s.eventually("the mount is there", func() bool { m := s.Status().Mounts[0]; return m.Up && m.Tools == 1 })
	stop, failed := make(chan struct{}), make(chan string, 4)
	for range cap(failed) {
		c := initialized(t, s)
		go func() {
			for i := 1; ; i++ {
				select {
				case <-stop:
					failed <- ""
					return
				default:
				}
				_, err := io.WriteString(c.conn, callOf(i, "m_a", "")+"\n")
				line := ""
				for err == nil && !strings.Contains(line, fmt.Sprintf(`"id":%d,`, i)) {
					line, err = c.in.ReadString('\n')
				}
				if err != nil || !strings.Contains(line, `"result"`) {
					failed <- fmt.Sprint(line, err)
					return
				}
			}
		}()
	}
	for round := range 8 {
		next := *o
		next.Env = maps.Clone(o.Env)
		next.MaxInFlight = 100 + round
		must(t, s.ReplaceMounts(map[string]*mount.Options{"m": &next}))
		if round%2 == 0 {
			s.eventually("the new one is there", func() bool { m := s.Status().Mounts[0]; return m.Up && m.Tools == 1 })
		}
	}
	s.eventually("the last one is there", func() bool { m := s.Status().Mounts[0]; return m.Up && m.Tools == 1 })
	close(stop)
	for range cap(failed) {
		if got := <-failed; got != "" {
			t.Error(got)
		}
	}
	s.eventually("one process is left", func() bool { return len(leftBehind(o.Env[marked])) == 1 })
	must(t, s.ReplaceMounts(nil))
	s.stop(patience)
	s.nobodyIsLeft(o.Env[marked])
	if err := s.ReplaceMounts(map[string]*mount.Options{"m": o}); err != nil { // it stops: nothing is begun
		t.Error(err)
	}
	if left := leftBehind(o.Env[marked]); len(left) > 0 {
		t.Errorf("%d processes", len(left))
	}
}
