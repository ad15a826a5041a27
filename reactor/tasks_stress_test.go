package reactor

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/backpressure"
)

// Clients begin, ask for, answer, cancel and abandon tasks, in both eras; when their time is up nothing of any is left.
func TestTasksStress(t *testing.T) {
	s := start(t)
	s.addJobs()
	s.free() // "job" does not wait
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var clients sync.WaitGroup
	failed := make(chan error, 16)
	for i := range uint64(8) {
		clients.Go(func() {
			if err := s.taskClient(rand.New(rand.NewPCG(seed, i)), i%2 == 0); err != nil {
				failed <- err
			}
		})
	}
	clients.Wait()
	close(failed)
	for err := range failed {
		t.Error(err)
	}
	hours := time.Duration(0)
	s.eventually("every task is gone", func() bool {
		hours++
		s.engine.ExpireSessions(time.Now().Add(hours * time.Hour))
		return s.metric("weir_tasks") == "0" && s.metric("weir_task_bytes") == "0" && s.metric("weir_task_waits") == "0"
	})
	s.eventually("nothing is held", func() bool {
		return s.queue.HeldBytes() == 0 && s.queue.Executing(backpressure.Blocking) == 0 &&
			s.metric("weir_connections") == "0"
	})
	ended := 0
	for _, reason := range []string{"completed", "failed", "cancelled", "task_expired", "draining", "task_bytes"} {
		n := 0
		_, _ = fmt.Sscan(s.metric(`weir_tasks_ended_total{reason="`+reason+`"}`), &n)
		t.Logf("%s: %d", reason, n)
		ended += n
	}
	if created := s.metric("weir_tasks_created_total"); created != fmt.Sprint(ended) || ended == 0 {
		t.Errorf("%s tasks were created, %d ended", created, ended)
	}
}

// taskClient is one client, for a few connections that it leaves without a word.
func (s *server) taskClient(rnd *rand.Rand, modern bool) error {
	for range 4 {
		c, err := net.Dial("tcp", s.Addrs()["tcp"])
		if err != nil {
			return err
		}
		err = taskTalk(patientReader{c}, rnd, modern)
		if err = errors.Join(err, c.Close()); err != nil {
			return err
		}
	}
	return nil
}

func taskTalk(c net.Conn, rnd *rand.Rand, modern bool) error {
	lines, id, last := bufio.NewReader(c), 0, "none"
	say := func(method, params string) (string, error) {
		id++
		message := legacyTask(fmt.Sprint(id), method, params)
		if modern {
			message = modernTask(fmt.Sprint(id), method, params)
		}
		if _, err := io.WriteString(c, message+"\n"); err != nil {
			return "", err
		}
		for {
			line, err := lines.ReadString('\n')
			if err != nil || strings.HasPrefix(line, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,`, id)) {
				return line, err
			}
		}
	}
	if !modern {
		if _, err := io.WriteString(c, able+"\n"); err != nil {
			return err
		}
	}
	for range 60 {
		var answer string
		var err error
		switch rnd.IntN(6) {
		case 0, 1:
			tool := []string{"job", "askjob"}[rnd.IntN(2)]
			answer, err = say("tools/call", `"name":"`+tool+`","arguments":{},"task":{"ttl":1500}`)
			if found := taskIDMember.FindStringSubmatch(answer); found != nil {
				last = found[1]
			}
		case 2:
			_, err = say("tasks/cancel", named(last))
		case 3:
			if modern {
				_, err = say("tasks/update", named(last)+`,"inputResponses":{"name":{"action":"accept","content":{"n":"Ada"}}}`)
			} else { // nobody reads the answer: it may come after the connection has gone
				_, err = io.WriteString(c, legacyTask(fmt.Sprintf(`"wait-%d"`, id), "tasks/result", named(last))+"\n")
			}
		default:
			_, err = say("tasks/get", named(last))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
