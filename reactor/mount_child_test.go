package reactor

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"weir/reactor/mount"
)

// Mounts that are programs: this test binary, which behaves as mountChild says.

// mountChild has the test binary be the server of a mount: its value says how it behaves.
const mountChild = "WEIR_TEST_MOUNT_CHILD"

// runMountChild is the test binary as the server of a mount.
func runMountChild(how string) int {
	switch how {
	case "babbles":
		fmt.Println("Welcome to the program")
	case "breeds":
		if err := exec.Command("sleep", "1000").Start(); err != nil {
			panic(err)
		}
	case "complains":
		fmt.Fprintln(os.Stderr, strings.Repeat("very long ", 1000))
		fmt.Fprintln(os.Stderr, "cannot begin")
		return 3
	case "stays":
		signal.Ignore(syscall.SIGTERM)
	}
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			break
		}
		var m said
		if json.Unmarshal([]byte(line), &m) != nil || m.ID == nil || how == "mute" || how == "babbles" {
			continue
		}
		switch m.Method {
		case "initialize":
			fmt.Printf(`{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-11-25","capabilities":{}}}`+"\n", m.ID)
		case "tools/list":
			fmt.Printf(`{"jsonrpc":"2.0","id":%s,"result":{"tools":[%s]}}`+"\n", m.ID, toolA)
		case "tools/call":
			env, _ := json.Marshal(strings.Join(os.Environ(), " "))
			fmt.Printf(`{"jsonrpc":"2.0","id":%s,"result":{"content":[],"_meta":{"pid":%d,"env":%s}}}`+"\n", m.ID, os.Getpid(),
				env)
		}
	}
	if how == "stays" {
		select {} // whatever it is told
	}
	return 0
}

// marked is a variable by which the tests find the children of one test, and theirs.
const marked = "WEIR_TEST_MOUNT_MARK"

// childOptions are those of a mount that is this test binary.
func childOptions(t *testing.T, how string) *mount.Options {
	o := mount.DefaultOptions()
	o.Command = os.Args[0]
	o.Env = map[string]string{mountChild: how, marked: t.TempDir()}
	return &o
}

// leftBehind are the processes that have the mark.
func leftBehind(mark string) (pids []int) {
	all, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, name := range all {
		env, err := os.ReadFile(name)
		if err == nil && bytes.Contains(append([]byte{0}, env...), []byte("\x00"+marked+"="+mark+"\x00")) {
			pid, _ := strconv.Atoi(strings.Split(name, "/")[2])
			pids = append(pids, pid)
		}
	}
	return pids
}

// nobodyIsLeft waits until no process has the mark: who was killed with its group ends a moment later.
func (s *server) nobodyIsLeft(mark string) {
	s.t.Helper()
	s.eventually("no process is left", func() bool { return len(leftBehind(mark)) == 0 })
}

// TestMountChildren: 25 programs, each with a program of its own, are killed four times each. They are there again
// each time, and nothing is left of any of them in the end.
func TestMountChildren(t *testing.T) {
	const programs, kills = 25, 4
	mounts := map[string]*mount.Options{}
	mark := ""
	for i := range programs {
		o := childOptions(t, "breeds")
		if mark == "" {
			mark = o.Env[marked]
		}
		o.Env[marked] = mark
		mounts[fmt.Sprint("m", i)] = o
	}
	s := startConfig(t, func(c *Config) { c.Mounts = mounts })
	allUp := func() bool {
		for _, m := range s.Status().Mounts {
			if !m.Up {
				return false
			}
		}
		return true
	}
	starts := func(i int) string { return s.metric(fmt.Sprintf(`weir_mount_starts_total{mount="m%d"}`, i)) }
	for round := range kills {
		s.eventually("all mounts are there", allUp)
		c := initialized(t, s)
		for i := range programs {
			c.say(callOf(1, fmt.Sprintf("m%d_a", i), ""))
			var answer struct {
				Result struct {
					Meta struct {
						PID int
						Env string
					} `json:"_meta"`
				}
			}
			must(t, json.Unmarshal([]byte(c.hear()), &answer))
			if env := answer.Result.Meta.Env; strings.Contains(env, "GOCACHE") || !strings.Contains(env, "PATH=") {
				t.Errorf("its environment is %s", env)
			}
			must(t, syscall.Kill(answer.Result.Meta.PID, syscall.SIGKILL))
		}
		for i := range programs {
			s.eventually("it is started again", func() bool { return starts(i) == fmt.Sprint(round+2) })
		}
	}
	s.eventually("all mounts are there", allUp)
	s.stop(patience)
	s.nobodyIsLeft(mark)
}

// TestMountThatStays: a program that does not end with its input, nor when it is asked to, is gone within 7 seconds.
func TestMountThatStays(t *testing.T) {
	o := childOptions(t, "stays")
	s := startConfig(t, func(c *Config) { c.Mounts = map[string]*mount.Options{"m": o} })
	s.eventually("the mount is there", func() bool { return s.Status().Mounts[0].Up })
	begun := time.Now()
	s.stop(patience)
	if took := time.Since(begun); took > 7*time.Second {
		t.Errorf("it took %v", took)
	}
	s.nobodyIsLeft(o.Env[marked])
}

// TestMountThatIsNone: each way in which a program is no server has its name, and the log says what to do.
func TestMountThatIsNone(t *testing.T) {
	ways := map[string]struct {
		change func(o *mount.Options)
		log    []string
	}{
		"command_not_found": {func(o *mount.Options) { o.Command = "no-such-program" }, []string{"no-such-program", "PATH"}},
		"not_started":       {func(o *mount.Options) { o.Cwd = "/no/such/folder" }, []string{"/no/such/folder", "cwd"}},
		"not_connected":     {func(o *mount.Options) { *o = *mountTo("127.0.0.1:1") }, []string{"connection refused"}},
		"no_answer": {func(o *mount.Options) { o.Env[mountChild], o.StartTimeout = "mute", 300*time.Millisecond },
			[]string{"no answer to initialize", "start_timeout (300ms)"}},
		"not_mcp": {func(o *mount.Options) { o.Env[mountChild], o.StartTimeout = "babbles", 300*time.Millisecond },
			[]string{"Welcome to the program"}},
		"exited": {func(o *mount.Options) { o.Env[mountChild] = "complains" },
			[]string{"exit status 3", "standard error: cannot begin", `"cut":true`}},
	}
	mounts := map[string]*mount.Options{}
	for why, way := range ways {
		o := childOptions(t, "answers")
		way.change(o)
		o.At = "file.yaml:3:5"
		mounts[why] = o
	}
	var log safeLog
	logger := zerolog.New(&log)
	s := startConfig(t, func(c *Config) { c.Mounts, c.Log = mounts, &logger })
	for why, way := range ways {
		s.eventually(why, func() bool { return s.metric(`weir_mount_ended_total{mount="`+why+`",reason="`+why+`"}`) != "0" })
		for _, part := range way.log {
			s.eventually(part, func() bool { return strings.Contains(log.String(), part) })
		}
	}
	contains(t, log.String(), `"at":"file.yaml:3:5"`, `"again_in"`, `"hint"`)
	for _, m := range s.Status().Mounts {
		if m.Up {
			t.Errorf("%+v", m)
		}
	}
}

func mountTo(address string) *mount.Options {
	o := mount.DefaultOptions()
	o.TCP = address
	return &o
}

// TestMountListIsBounded: what a mount lists is kept, so one that lists without end is not there.
func TestMountListIsBounded(t *testing.T) {
	s, p := mounted(t, nil)
	p.greetOnly()
	long := strings.Repeat("x", 3<<20)
	for n := range 6 { // 18 MiB
		m := p.hear("tools/list")
		p.say(`{"jsonrpc":"2.0","id":%s,"result":{"tools":[{"name":"t%d","description":"%s",`+
			`"inputSchema":{"type":"object"}}],"nextCursor":"%d"}}`, m.ID, n, long, n)
	}
	s.eventually("it is given up", func() bool { return s.Status().Mounts[0].Why == "no_list" })
}
